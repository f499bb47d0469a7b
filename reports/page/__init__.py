"""The page for the browser: the verdicts, and every published cell to look at."""
