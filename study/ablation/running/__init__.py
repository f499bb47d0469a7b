"""From the plan to recorded trainings: worker processes, and what they hand back."""
