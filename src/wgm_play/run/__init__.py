"""One play from its start to its end. Start at `work.py`."""
