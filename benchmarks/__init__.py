"""Measurements side by side with the peers, and of what surrounds the arithmetic.

``python -m benchmarks.run`` (or ``make bench``) runs them; results/ holds what came out.
"""
