"""X1: the factor changed at the output, in hidden layers, or in all."""
