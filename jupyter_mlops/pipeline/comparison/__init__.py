"""Whether two runs gave the same, and what differs first."""
