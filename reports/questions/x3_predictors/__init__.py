"""X3: what predicts how much a rule harms."""
