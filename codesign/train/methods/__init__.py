"""Training methods other than learned scales."""
