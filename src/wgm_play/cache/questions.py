"""What was asked of a database and what it answered: asked again, the same answers mean that nothing changed.

In: a connection. Out: questions, with the digests of their answers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play import plain_templates
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import psycopg


# As the session of the full way is called.
IDENTITY, LEDGER, NO_LEDGER = "server/identity.sql.j2", "ledger/state.sql.j2", "ledger/access.sql.j2"
READER = "wgm-play read"

VERSIONS = "catalog/versions.sql"

# The templates whose questions are asked again; all are one SELECT that depends on the server's version alone.
QUESTIONS = (
    IDENTITY,
    LEDGER,
    NO_LEDGER,
    VERSIONS,
    "backup/leftovers.sql.j2",
    "ledger/strange_owners.sql",
    "catalog/rights.sql",
    "catalog/trash_names.sql",
    "catalog/helpers.sql",
    "catalog/acting.sql",
)


@dataclass(slots=True)
class Questions:
    """What planning asks of the live database: names of our templates, each with the digest of its answer.

    `complete` is false where anything else was asked.
    """

    asked: list[tuple[str, str]] = field(default_factory=list)
    ignored: frozenset[str] = frozenset()
    versions: str | None = None
    rows: tuple[str, str] | None = None
    catalog: str | None = None
    ledger: tuple[str, str] | None = None
    identity: tuple[str, str] | None = None
    complete: bool = True

    def watch(self, connection: psycopg.Connection[Any]) -> None:
        """Write down each statement that cursors of this connection run from now on, with its answer."""
        import psycopg as library

        questions = self

        class WatchedQuestions(library.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                text = query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else None
                try:
                    super().execute(query, params, **options)
                except library.Error:
                    questions.complete = False
                    raise
                if text not in questions.ignored:
                    questions.add(self, text if params is None else None)
                return self

        connection.cursor_factory = WatchedQuestions

    def add(self, cursor: psycopg.Cursor[Any], text: str | None) -> None:
        """Write down one statement with its answer."""
        result = cursor.pgresult
        if text is not None and text.startswith("SET TRANSACTION "):
            return
        name = names_of(cursor.connection.info.server_version).get(text or "")
        if name is None or result is None or cursor.nextset():
            self.complete = False
        else:
            self.asked.append((name, answer(result)))

    def hear(self) -> None:
        """Note that a query of the playbook was asked."""
        self.complete = False

    def read_versions(self, connection: psycopg.Connection[Any]) -> str:
        """Return which versions of its rows the catalog has; and note what the ledger holds."""
        from wgm_play.catalog import introspect
        from wgm_play.ledger import Ledger
        from wgm_play.render import query

        version = connection.info.server_version
        state = {"readable": LEDGER, "absent": NO_LEDGER}.get(Ledger(connection).access())
        texts = introspect.queries(version)
        self.ignored = frozenset([*texts.values(), *(query(name, version) for name in introspect.UNASKED)])
        self.complete &= state is not None
        self.identity = self._told(connection, IDENTITY)
        if state is not None:
            self.ledger = self._told(connection, state)
        before, self.versions = self.versions, self.versions_now(connection)
        self.complete &= before in (None, self.versions)
        return self.versions

    def versions_now(self, connection: psycopg.Connection[Any]) -> str:
        """Return which versions of its rows the catalog has now."""
        self.rows = self._told(connection, VERSIONS)
        return self.rows[1]

    def read_catalog(self, connection: psycopg.Connection[Any]) -> None:
        """Note the digest of the whole catalog, made by the server, where it is still the one that was planned for."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            if self.versions_now(connection) == self.versions:
                self.catalog = mark_of(connection)

    @staticmethod
    def _told(connection: psycopg.Connection[Any], name: str) -> tuple[str, str]:
        return name, answer_to(connection, plain_templates.text(name, connection.info.server_version))


def mark_of(connection: psycopg.Connection[Any]) -> str:
    """Return the digest of the whole catalog. Rare, because it takes what is heavy: the versions tell nearly always."""
    from wgm_play.catalog import introspect

    return answer_to(connection, introspect.mark_text(connection))


def answer_to(connection: psycopg.Connection[Any], text: str) -> str:
    """Return the digest of what a question of ours is answered now."""
    import psycopg as library

    with library.Cursor(connection) as cursor:
        cursor.execute(text.encode(), prepare=True)  # the versions are asked for again and again
        assert cursor.pgresult is not None  # noqa: S101 - a query has a result
        return answer(cursor.pgresult)


@functools.lru_cache(maxsize=4)
def names_of(version: int) -> dict[str, str]:
    """Return the names of the questions by their texts."""
    return {plain_templates.text(name, version): name for name in QUESTIONS}


def answer(result: psycopg.pq.abc.PGresult) -> str:
    """Return the SHA-256 of the rows of a result, in whatever order they came."""
    columns = range(result.nfields)
    return digest_of_rows([[result.get_value(row, column) for column in columns] for row in range(result.ntuples)])


def digest_of_rows(rows: Iterable[Sequence[Any]]) -> str:
    """Return the digest of rows of texts."""
    return hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
