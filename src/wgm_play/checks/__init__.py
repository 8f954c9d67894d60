"""Checks before a run: function bodies, imperative SQL, queries, and data that would break a constraint.

In: SQL texts and a connection to the shadow database or the target. Out: issues and statements.
"""
