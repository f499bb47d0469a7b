"""C1: the chain rule asks for the factor f'(net)."""
