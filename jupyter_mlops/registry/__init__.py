"""MLflow's home: runs, model versions and their aliases."""
