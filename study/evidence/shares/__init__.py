"""Claims as shares of a population of tasks: conf/shares.yaml -> effects -> shares -> words."""
