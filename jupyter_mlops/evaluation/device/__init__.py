"""A GPU: which one it is, what it is doing, and a PyTorch model run on it."""
