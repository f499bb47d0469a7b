"""X2: how many patterns a net of a width learns by heart."""
