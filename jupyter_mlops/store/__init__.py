"""Where records, contents and predictions are kept: SQL, content-addressed files."""
