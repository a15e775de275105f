"""From a model version and its test rows to a gate's verdict."""
