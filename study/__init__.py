"""The delta rule study: what the slope in the delta rule is for."""
