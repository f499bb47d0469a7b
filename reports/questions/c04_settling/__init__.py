"""C4: at which objective training settles without the factor."""
