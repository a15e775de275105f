"""A model bundle as a process that answers; knows neither MLflow nor Jupyter."""
