"""C12: which information in the factor matters."""
