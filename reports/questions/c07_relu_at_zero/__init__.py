"""C7: whether relu's slope at zero matters."""
