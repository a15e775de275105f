"""What people touch: command line, magics, JupyterLab's server side; thin, every answer comes from a workflow."""
