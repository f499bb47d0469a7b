"""C5: how much of the factor may be changed."""
