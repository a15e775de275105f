"""What a process holds besides its variables: random generators, options, figures, attributes of modules."""
