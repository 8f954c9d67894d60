"""The floor: what a program must at least do to know whether a database's catalog is as it was.

In: a file with the catalog queries (a JSON list), a URL. Out: the SHA-256 of all rows that they return. Imports psycopg
and the standard library, nothing of ours.
"""

import hashlib
import json
import sys

import psycopg


def main() -> None:
    """Connect, read, hash, print."""
    with open(sys.argv[1]) as file:
        queries = json.load(file)
    made = hashlib.sha256()
    options = "-c search_path= -c jit=off -c default_transaction_read_only=on"
    with psycopg.connect(sys.argv[2], autocommit=True, options=options) as session, session.pipeline():
        cursors = [session.execute(query) for query in queries]
        for cursor in cursors:
            for row in cursor:
                made.update(repr(row).encode())
    print(made.hexdigest())


if __name__ == "__main__":
    main()
