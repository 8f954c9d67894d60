"""Taking runs back: what is wanted is the state before them; start at `plan.py`."""
