"""C8: whether other optimizers make up for a removed factor."""
