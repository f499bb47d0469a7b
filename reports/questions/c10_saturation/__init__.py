"""C10: whether harm grows with saturation and depth together."""
