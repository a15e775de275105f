"""What is seen today against what was trained on: drift, and the report of it."""
