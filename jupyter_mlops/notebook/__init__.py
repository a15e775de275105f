"""From an .ipynb to stages and the variables between them; pure, nothing here runs a cell."""
