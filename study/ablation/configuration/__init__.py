"""From files and words of a command line to one checked configuration."""
