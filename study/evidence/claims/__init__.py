"""From conf/claims.yaml to verdicts: reading, decisions, calibration, rechecks."""
