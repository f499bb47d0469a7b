"""C2 and C9: saturated units escape slowly because of the factor."""
