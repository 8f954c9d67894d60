"""Drift brought into a playbook that people have edited: what differs, where it is said, the text with it changed.

In: two descriptions of a database, a playbook's steps and texts. Out: texts; and what cannot be placed.
"""
