"""A model's card: what is on record of one version, decided once and written as Markdown or HTML."""
