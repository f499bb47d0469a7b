"""Small faults that the tests must see: `faults.txt` lists them, `make mutants` tries them."""
