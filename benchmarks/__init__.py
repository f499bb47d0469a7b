"""Speed side by side with the peers, and of what surrounds the arithmetic: ``make bench``."""
