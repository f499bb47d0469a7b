"""C3: what removing the factor does to failures."""
