"""What is measured of a training beside its objective, and checks of records from outside."""
