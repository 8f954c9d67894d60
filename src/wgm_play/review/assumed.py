"""What stands for a database where none is asked: a ledger in which the base has run, nobody who answers questions.

In: the base as it is folded. Out: what the planner takes for a ledger, an asker and skipped steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refusals, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.model import SqlOnce
from wgm_play.planning.imperative import Imperative, checksum
from wgm_play.planning.privileges import Skips
from wgm_play.planning.refusals import Together
from wgm_play.planning.seeds import check_in_shadow
from wgm_play.playbook.model import Declaration, Declarations, Seed
from wgm_play.render import render
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg

    from wgm_play.operations.base import Change, PlanContext

NOBODY = "no database is asked"
_THEN = datetime(1970, 1, 1, tzinfo=UTC)


class AssumedLedger(Ledger):
    """The ledger of a database on which the base has run. `changed` are steps whose text is another since."""

    def __init__(self, connection: psycopg.Connection[Any], play: str, before: Declarations, now: Declarations) -> None:
        super().__init__(connection)
        self._access = "readable"
        then = {(one.name, one.item): one for one in before.sqls}
        self.changed = [
            one
            for one in now.sqls
            if (was := then.get((one.name, one.item))) is not None
            and checksum(was) != checksum(one)
            and one.rerun != "changed"
        ]
        refused = {(one.name, one.item): one for one in self.changed}
        self._known = {
            (play, *name): SqlOnce(play, *name, "done", checksum(refused.get(name, one)), None, None, 0, _THEN)
            for name, one in then.items()
        }

    def sql_once_known(self) -> dict[tuple[str, str, str], SqlOnce]:
        """Return what ran with the base."""
        return self._known

    def done_before(self, play: str) -> dict[str, list[str]]:
        """Return what a run that was cut short has done: nothing."""
        return {}

    def pending_handlers(self) -> list[Any]:
        """Return what waits to be run: nothing."""
        return []


class Nobody(Asker):
    """Answers no question; the playbook is trusted, so that what needs no answer is planned."""

    @contextmanager
    def transaction(
        self, texts: Sequence[str], *, path: str | None = "", seconds: float | None = None, planned: bool = False
    ) -> Iterator[psycopg.Connection[Any]]:
        """Ask nothing."""
        raise NotAsked(NOBODY)
        yield


@dataclass(slots=True)
class ReviewedImperative(Imperative):
    """What a play does beside declaring objects, against the rows that the base's seeds have put there."""

    before: Declarations | None = None
    base: Catalog | None = None

    def changes(
        self, live: Catalog, situation: PlanContext, others: Sequence[Change], *, allow_prune: bool
    ) -> list[Change]:
        """Return the changes; the rows of the base are there for as long as they are compared."""
        then = comparable(self.before.seeds if self.before else ())
        now = comparable(self.folded.seeds)
        if then == now:
            self.folded = replace(self.folded, seeds=())
            return super().changes(live, situation, others, allow_prune=True)
        with self.connection.transaction(force_rollback=True):
            known = [
                one for one in (self.before.seeds if self.before else ()) if self.base and one.table in self.base.rows
            ]
            check_in_shadow(self.connection, known, self.base or live)
            return super().changes(live, situation, others, allow_prune=True)

    def _check_references(self, *_: Any) -> None:
        """Look up no references: the rows that they mean may be in the database alone."""


def comparable(seeds: Sequence[Seed]) -> list[Any]:
    """Return what seeds say, without where they say it."""
    return [
        (
            one.table,
            one.key,
            one.prune,
            one.update,
            [
                (row.absent, {k: reveal(v) if isinstance(v, str) else v for k, v in row.values.items()})
                for row in one.rows
            ],
        )
        for one in seeds
    ]


@dataclass(slots=True)
class AssumedSkips(Skips):
    """Everything that is optional is there; an extension that the scratch server lacks is only recorded."""

    def try_optional(
        self,
        connection: psycopg.Connection[Any],
        declarations: Mapping[Key, Declaration],
        live: Catalog,
        target: psycopg.Connection[Any],
        *,
        own: bool,
    ) -> dict[Key, Declaration]:
        """Return all declarations: the database gives what they ask for."""
        return dict(declarations)

    def without_missing_extensions(
        self,
        connection: psycopg.Connection[Any],
        declarations: Mapping[Key, Declaration],
        live: Catalog,
        target: psycopg.Connection[Any],
        *,
        own: bool,
    ) -> dict[Key, Declaration]:
        """Set aside the extensions that the scratch server lacks."""
        made = dict(declarations)
        there: set[str] | None = None
        for key, one in declarations.items():
            if key.kind != "extension" or one.absent or not one.statements:
                continue
            if there is None:
                there = {name for name, _ in connection.execute(render("shadow/available.sql.j2").sql).fetchall()}
            if key.name[0] not in there:
                said = one.attributes
                row = (str(said.get("schema") or "public"), str(reveal(said.get("version") or "")), None)
                self.recorded[key] = live.rows.get(key, row)
                del made[key]
        return made


@dataclass(slots=True)
class KeptRefusals(Together):
    """Keeps refusals instead of raising them: a review shows what would be refused, and the plan besides."""

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        """Raise nothing."""


def each(refused: Refused) -> list[Refused]:
    """Return the refusals within one."""
    return list(refused.problems) if isinstance(refused, Refusals) else [refused]
