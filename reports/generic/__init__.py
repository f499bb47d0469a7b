"""Figures and tables that every experiment gets, whatever its grid."""
