"""From folded steps to a plan that holds: renames, conversions, rows, order, privileges, proof. Start at `planner.py`."""
