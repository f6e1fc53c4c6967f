"""One module per simulator."""
