"""From tables of runs to evidence: arms paired by seed, effects with intervals, claims judged."""
