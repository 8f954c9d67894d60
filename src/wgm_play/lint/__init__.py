"""What a migration or a playbook would do to a database that is in use, told from its text alone.

In: files. Out: `Finding`s, each at its line and column. Nothing is executed and no database is asked.
"""
