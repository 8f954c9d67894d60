"""Executing a plan: sessions, the run lock, retries, groups.

In: a `Plan`. Out: a changed database and its ledger rows. Start at `executor.execute`.
"""
