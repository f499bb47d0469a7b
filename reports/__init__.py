"""Figures and tables: scripts that draw the finished numbers of `study.evidence`."""
