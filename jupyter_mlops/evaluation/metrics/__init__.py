"""The catalogue of figures, and how each is planned."""
