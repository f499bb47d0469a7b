"""Training a plan: workers, engines, and the stream of finished cells."""
