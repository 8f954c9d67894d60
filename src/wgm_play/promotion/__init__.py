"""Promotion: what one environment tried is what the next one runs; who approved it, when nobody may run anything.

In: a playbook, the ledgers of two databases, the git repository. Out: what is missing, or nothing.
"""
