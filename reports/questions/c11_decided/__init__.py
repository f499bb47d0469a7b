"""C11: whether the factor keeps decided units as they are."""
