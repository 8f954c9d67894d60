"""Migrations of other tools: put their files in order, run them in a scratch database, inspect that.

In: a folder. Out: a playbook; or the first file that does not apply, by name, line and reason.
"""
