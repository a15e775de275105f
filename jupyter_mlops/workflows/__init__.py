"""What the product does, one module a job; the only place where the packages below meet."""
