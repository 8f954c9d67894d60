"""Batches: many rows changed a few at a time, while the application reads and writes.

In: what an operation's payload says under "backfill" (`Task.of`). Out: the rows changed, batch after batch, each
committed together with its checkpoint, so that a run that was killed goes on where it was and no row is changed twice.
Batches follow the primary key, or the table's pages where it has no usable key.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import psycopg

from wgm_play.errors import Refused
from wgm_play.execute.session import Session
from wgm_play.execute.steering import Steering
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.statements import send, text
from wgm_play.plan import Command
from wgm_play.render import render
from wgm_play.reporter import Progress
from wgm_play.secret import resolve
from wgm_play.sql import Sql, literal

# The statement class of a batch: its locks are those of an UPDATE, its time is bounded by its size.
BATCH = Command("UPDATE", wait="data")
# How often a walk over all rows is repeated where the proof at its end finds rows that it did not reach.
WALKS = 3
FIRST_ROWS = 200
FIRST_PAGES = 8
# More rows than fit on a page of 8 kB (MaxHeapTuplesPerPage): for servers that cannot scan a range of pages.
ROWS_OF_PAGE = 291


@dataclass(frozen=True, slots=True)
class Task:
    """What to do: `set` is the list of assignments, `where` says which rows still need it, `left` finds rows that were
    missed; `columns` are those that are written; `batch` is the time that one batch may take, in seconds; with `path` names mean
    what they mean in the application. With `alone` it is ours, and the application's triggers do not act: by the server's
    setting (`replica`), or by conditions that name the `login` of the run."""

    table: tuple[str, str]
    set: str
    where: str | None = None
    left: str | None = None
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    batch: float = 0.1
    name: str = ""
    path: bool = False
    alone: bool = False
    replica: bool = False
    login: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Task:
        """Return the task of an operation's payload."""
        return cls(
            (data["table"][0], data["table"][1]),
            data["set"],
            data.get("where"),
            data.get("left"),
            tuple(data.get("columns", ())),
            tuple(data.get("key", ())),
            float(data.get("batch", 0.1)),
            data.get("name", ""),
            bool(data.get("path")),
            "alone" in data,
            bool(data.get("alone", {}).get("replica")),
            data.get("alone", {}).get("login"),
        )


@dataclass(slots=True)
class Backfill:
    """One task under way. `failed` decides what becomes of an error: it pauses or raises."""

    task: Task
    session: Session
    ledger: Ledger
    run: int
    failed: Callable[[psycopg.Error, float], None]
    steering: Steering
    shown: Progress
    key: list[tuple[str, str]] = field(default_factory=list)
    position: dict[str, Any] = field(default_factory=dict)
    rows: float = 0
    pages: int = 0
    name: str = ""

    def all(self) -> int:
        """Change all rows that need it; return the number of batches."""
        self._look()
        self._refuse_another_login()
        self.position = self._checkpoint() or {}
        batches = 0
        for _ in range(WALKS):
            while not self.position.get("done"):
                self._one()
                batches += 1
            if self.task.left is None or not self._left():
                return batches
            self.position = {}
        raise Refused(
            f"rows of {'.'.join(self.task.table)} keep escaping the batches: {self.task.left}",
            hint="another program writes them: look at the triggers of the table, then run again",
        )

    # What there is

    def _look(self) -> None:
        connection = self.session.connection
        found = send(connection, text("backfill/about"), *self.task.table, list(self.task.columns)).fetchone()
        if found is None:
            raise Refused(f"there is no table {'.'.join(self.task.table)}")
        oid, rows, self.pages, numbers = found
        # A column of the same name that was dropped and made again has another number: an old checkpoint is not its.
        self.name = f"{self.task.name or self.task.set} on {oid} ({numbers})"
        keys = send(connection, text("backfill/key"), *self.task.table).fetchall()
        if self.task.key:
            types = dict(send(connection, text("backfill/types"), *self.task.table, list(self.task.key)).fetchall())
            keys = [(one, types[one]) for one in self.task.key if one in types]
        self.key = [(str(one), str(kind)) for one, kind in keys]
        if not self.key and self.task.where is None:
            raise Refused(
                f"{'.'.join(self.task.table)} has no primary key: a changed row cannot be told from another",
                hint="say with `where` which rows still need it",
            )
        self.shown.total, self.shown.unit = (rows, "rows") if self.key else (self.pages, "pages")

    def _refuse_another_login(self) -> None:
        """Raise `Refused` where the triggers' conditions name another login than ours: they would act."""
        if self.task.login is None:
            return
        row = send(self.session.connection, text("backfill/login")).fetchone()
        if row is None or row[0] != self.task.login:
            raise Refused(
                f"the plan was made for {self.task.login}, whose batches triggers let pass; this session is another role's",
                hint="run the playbook again as that role, or without --plan",
            )

    def _checkpoint(self) -> dict[str, Any] | None:
        runs = {one.id: one for one in self.ledger.last_runs(1000)}
        chain = [self.run]
        while (before := runs.get(chain[-1])) is not None and before.resumes is not None:
            chain.append(before.resumes)
        found = self.ledger.checkpoint(self.name, chain)
        return dict(found) if found else None

    def _left(self) -> bool:
        statement = render("backfill/left.sql.j2", table=self.task.table, condition=Sql(self.task.left or "false")).sql
        self.session.allow(BATCH)
        return bool(self.session.send(resolve(statement), rows=True)[0][0])

    # One batch

    def _one(self) -> None:
        self.steering.wait()
        size = self.steering.pace.size
        began = time.perf_counter()
        try:
            conditions, after = self._keyed(size) if self.key else self._paged(size)
            spent, commit = self._send(conditions, after)
        except psycopg.Error as error:
            self.steering.pace.smaller()
            self.failed(error, time.perf_counter() - began)
            return
        self.position = after
        self.shown.done = max(float(after.get("rows" if self.key else "page", 0)), self.shown.done)
        if after.get("done"):
            self.shown.done = self.shown.total = max(self.shown.done, self.shown.total)
        time.sleep(self.steering.pace.after(spent, size, commit))

    def _send(self, conditions: Sequence[str], after: Mapping[str, Any]) -> tuple[float, float]:
        """Change the rows and commit them with the checkpoint; return the seconds of the statement and of its COMMIT."""
        own = [render("backfill/path.sql.j2").sql] if self.task.alone else []
        wanted = [Sql(one) for one in (*own, *conditions, *([f"({self.task.where})"] if self.task.where else []))]
        statement = render(
            "backfill/batch.sql.j2", table=self.task.table, set=Sql(self.task.set), conditions=wanted
        ).sql
        kept = render(
            "backfill/checkpoint.sql.j2",
            run=self.run,
            operation=self.name,
            place=json.dumps(dict(after), ensure_ascii=False),
        ).sql
        self.session.begin(BATCH)
        began = time.perf_counter()
        self.session.send(self._settings() + resolve(statement))
        done = time.perf_counter()
        self.session.commit(kept)
        return done - began, time.perf_counter() - done

    def _settings(self) -> str:
        """Return what is set for a batch: people's own SQL means what it means in the application, ours names all in full."""
        if self.task.alone:
            texts = not self.task.set.endswith(" = DEFAULT")
            alone = render("backfill/alone.sql.j2", replica=self.task.replica, path=self.task.path, texts=texts)
            return f"{alone.sql};\n"
        return "SET LOCAL search_path TO DEFAULT;\n" if self.task.path else ""

    def _keyed(self, size: int) -> tuple[list[str], dict[str, Any]]:
        names, low = [name for name, _ in self.key], self.position.get("key")
        values = (
            [Sql(f"{literal(value)}::{kind}") for value, (_, kind) in zip(low, self.key, strict=True)] if low else []
        )
        bound = render(
            "backfill/bound.sql.j2",
            table=self.task.table,
            key=names,
            low=values,
            skip=size - 1,
            texts=[Sql(f"wgm_row.{render('backfill/name.sql.j2', name=name).sql}::text") for name in names],
        ).sql
        self.session.allow(BATCH)
        found = self.session.send(bound, rows=True)
        row = f"({', '.join(render('backfill/name.sql.j2', name=name).sql for name in names)})"
        conditions = [f"{row} OPERATOR(pg_catalog.>) ({', '.join(values)})"] if values else []
        done = float(self.position.get("rows", 0))
        if not found:
            return conditions, {"done": True, "rows": done}
        high = [str(value) for value in found[0]]
        spelled = ", ".join(f"{literal(value)}::{kind}" for value, (_, kind) in zip(high, self.key, strict=True))
        return [*conditions, f"{row} OPERATOR(pg_catalog.<=) ({spelled})"], {
            "key": high,
            "rows": done + size,
            "total": self.shown.total,
        }

    def _paged(self, size: int) -> tuple[list[str], dict[str, Any]]:
        low = int(self.position.get("page", 0))
        high = low + max(size * FIRST_PAGES // FIRST_ROWS, 1)
        if self.session.version >= 140000:
            conditions = [f"ctid >= '({low},0)'::tid", f"ctid < '({high},0)'::tid"]
        else:
            conditions = [
                f"ctid = ANY (ARRAY(SELECT pg_catalog.format('(%s,%s)', b, o)::tid FROM pg_catalog.generate_series({low}, {high - 1}) b, "
                f"pg_catalog.generate_series(1, {ROWS_OF_PAGE}) o))"
            ]
        after: dict[str, Any] = {"page": high, "total": self.pages}
        if high >= self.pages:  # new versions of rows go to pages that come later: look again how many there are
            row = send(self.session.connection, text("backfill/about"), *self.task.table, []).fetchone()
            _, _, self.pages, _ = row or ("", 0, 0, "")
            if high >= self.pages:
                after = {"done": True, "page": high}
                conditions = conditions if self.session.version < 140000 else conditions[:1]
        return conditions, after
