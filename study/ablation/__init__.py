"""From a configuration to a plan, its execution, and the store."""
