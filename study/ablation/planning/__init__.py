"""From a configuration to the plan: cells, their identity, their protocol and cost."""
