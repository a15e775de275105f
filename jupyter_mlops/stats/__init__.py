"""Numbers in, numbers out: tests, intervals, fairness, profiles; pure."""
