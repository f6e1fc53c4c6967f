"""One module a simulator."""
