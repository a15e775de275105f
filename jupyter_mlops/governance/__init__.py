"""Who did what, and what stands behind a prediction."""
