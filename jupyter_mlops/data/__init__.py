"""Files and frames as dataset versions, known by their content."""
