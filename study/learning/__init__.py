"""What a network is and how it learns, in stacks of replicas; numpy and numba only."""
