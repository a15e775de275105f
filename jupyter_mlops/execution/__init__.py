"""From a pipeline to finished stages: what must run, in which order, in which kernel."""
