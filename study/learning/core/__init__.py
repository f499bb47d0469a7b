"""The network, its gradient, and the compiled loop that trains stacks of replicas."""
