"""C6: whether the activation should be changed to match the factor."""
