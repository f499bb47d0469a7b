"""Publishing exported results, and verifying them by training some cells again."""
