"""How a model comes to its answers: what each column adds to one answer, and how much the model leans on it."""
