"""A gate's result as a picture, decided once for every place that draws it."""
