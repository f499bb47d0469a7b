"""From tables to estimates: pure functions of the exported runs and curves."""
