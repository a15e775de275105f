"""Groups of rows: given, crossed or found; how they fare, and how fairly."""
