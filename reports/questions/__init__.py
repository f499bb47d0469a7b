"""The questions of the study, a folder each; see README.md."""
