"""A migration a module, in order."""
