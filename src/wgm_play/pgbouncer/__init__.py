"""PgBouncer before a database: how large its pools may be, its configuration, what its console tells.

In: what a play says under `pool:`, the server's limits. Out: files; the console's tables; what differs.
"""
