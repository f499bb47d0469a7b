"""What changes of the slope did on a population of tasks, and what that says of a new one."""
