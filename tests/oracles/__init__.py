"""Oracles: what the records of a registry should compute, one number at a time, in plain floats.

Written from the formulas of the study's protocol, not from the code under test, so that a mistake
must be made twice to stay hidden. A new record needs one entry: in `rules.FACTORS`,
`activations.CURVES`, `objectives.TERMS`, `optimizers.STEPS` or `initialisations.LAWS`.
"""
