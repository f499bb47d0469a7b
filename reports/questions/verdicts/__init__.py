"""All claims with their verdicts."""
