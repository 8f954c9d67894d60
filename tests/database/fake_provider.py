"""A hosting provider for the tests: snapshots and a history are dumps in a folder, what comes back is a database beside.

In: `list`, `take NAME`, `restore ID NAME AT`, `drop NAME`; FAKE_URL names the database, FAKE_STATE the folder, FAKE_PROGRAMS the
programs; a file `until` there says where the history ends. Out: JSON, or a connection string.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

URL, STATE, PROGRAMS = os.environ["FAKE_URL"], Path(os.environ["FAKE_STATE"]), Path(os.environ["FAKE_PROGRAMS"])


def run(program: str, *words: str) -> None:
    """Run one of PostgreSQL's programs."""
    subprocess.run([PROGRAMS / program, *words], check=True, stdout=subprocess.DEVNULL)


def dumps(kind: str) -> dict[str, Path]:
    """Return the dumps of a kind by the times at which they were taken."""
    return {path.stem: path for path in sorted((STATE / kind).glob("*.dump"))}


def keep(kind: str) -> None:
    """Keep the database as it is now."""
    (STATE / kind).mkdir(parents=True, exist_ok=True)
    run("pg_dump", "-Fc", "-d", URL, "-f", str(STATE / kind / f"{datetime.now(UTC).isoformat()}.dump"))


def listed() -> dict[str, object]:
    """Return what there is, as the interface wants it."""
    until = STATE / "until"
    end = until.read_text() if until.exists() else datetime.now(UTC).isoformat()
    history = {"from": min(dumps("history")), "until": end} if dumps("history") else None
    return {"backups": [{"id": f"snap/{at}", "taken": at} for at in dumps("snapshots")], "history": history}


def restore(which: str, name: str, at: str) -> str:
    """Bring a snapshot or a moment back under a name; return its connection string."""
    moments = dumps("history") if which == "history" else dumps("snapshots")
    wanted = [
        path for taken, path in moments.items() if (taken <= at if which == "history" else which == f"snap/{taken}")
    ]
    run("psql", "-q", "-d", URL, "-c", f'CREATE DATABASE "{name}"')
    url = URL.rpartition("/")[0] + f"/{name}"
    run("pg_restore", "-d", url, str(wanted[-1]))
    return url


def main(verb: str, *words: str) -> None:
    """Do what one command asks."""
    if verb == "list":
        print(json.dumps(listed()))
    elif verb in ("take", "tick"):
        keep("snapshots" if verb == "take" else "history")
    elif verb == "restore":
        print("restoring", restore(*words), sep="\n")
    elif verb == "drop":
        run("psql", "-q", "-d", URL, "-c", f'DROP DATABASE IF EXISTS "{words[0]}"')


if __name__ == "__main__":
    main(*sys.argv[1:])
