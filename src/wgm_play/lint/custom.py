"""Rules of a team: SQL over what a playbook declares, asked on a scratch server by a role that may do nothing else.

In: `TeamRule`s of the settings, a play made in a scratch database. Out: findings at the lines that say the objects.

Each query runs in a READ ONLY transaction of its own, which ends by ROLLBACK, for at most five seconds. It asks views that
are made for it: `tables`, `columns`, `indexes`, `constraints`, `views`, `functions`, `triggers`, `policies`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError, Position
from wgm_play.finding import Finding
from wgm_play.lint.settings import OFF, Settings, TeamRule
from wgm_play.playbook.origins import OriginLine, matching, origins
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Key
    from wgm_play.review.wanted import Made

VIEWS = ("tables", "columns", "indexes", "constraints", "views", "functions", "triggers", "policies")
SECONDS = 5.0
# Objects that are told of one rule; the others are counted.
MOST = 200
_NAMED = re.compile(r"\{(\w+)\}")


def found(made: Made, settings: Settings) -> list[Finding]:
    """Return what the rules of the settings find in a play."""
    chosen = [one for one in settings.rules if settings.severity.get(one.code) != OFF]
    if not chosen:
        return []
    play, playbook = made.loaded[1], made.loaded[3]
    places = origins(play, made.folded, Path(playbook.project))
    session = made.session
    for name in VIEWS:
        session.execute(render(f"lint/{name}.sql.j2").sql)
    return [one for rule in chosen for one in _of_rule(rule, session, places, settings)]


def _of_rule(
    rule: TeamRule, session: psycopg.Connection[Any], places: Mapping[Key, list[OriginLine]], settings: Settings
) -> Iterator[Finding]:
    names, rows = _ask(rule, session)
    severity = settings.severity.get(rule.code, rule.severity)
    seen: set[str] = set()
    for row in rows[:MOST]:
        values = dict(zip(names, row, strict=True))
        about = str(values["object"])
        message = _NAMED.sub(lambda word, values=values: str(values.get(word[1], word[0])), rule.message)  # type: ignore[misc]
        if (told := f"{about} {message}") in seen:
            continue
        seen.add(told)
        yield Finding(
            rule.code,
            severity,
            message,
            about,
            rule.name,
            rule.remedy,
            where=_where(about, places) or rule.where,
            source="lint",
        )
    if len(rows) > MOST:
        yield Finding(
            rule.code,
            severity,
            f"{len(rows) - MOST} or more further objects",
            "",
            f"{rule.name} more",
            where=rule.where,
            source="lint",
        )


def _ask(rule: TeamRule, session: psycopg.Connection[Any]) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    import psycopg as library

    try:
        with session.transaction(force_rollback=True):
            session.execute(render("lint/timeout.sql.j2", milliseconds=round(SECONDS * 1000)).sql)
            session.execute(render("lint/read_only.sql.j2").sql)
            cursor = session.execute(rule.query.encode())
            names = [column.name for column in cursor.description or ()]
            if "object" not in names:
                raise InputError(
                    f"lint: the rule {rule.code} yields no column `object`",
                    where=rule.where,
                    hint="select object from tables where ...: it tells which line is meant",
                )
            return names, cursor.fetchmany(MOST * 2)
    except library.Error as error:
        told = error.diag.message_primary or str(error)
        hint = error.diag.message_hint or f"it asks views: {', '.join(VIEWS)}; wgm-play doc lint has their columns"
        raise InputError(f"lint: the rule {rule.code} cannot be asked: {told}", where=rule.where, hint=hint) from error


def _where(about: str, places: Mapping[Key, list[OriginLine]]) -> Position | None:
    """Return the line that says an object; of one without a line of its own, that of what it belongs to."""
    name = about
    while name:
        several = [one for one in matching(places, name) if one.places]
        if several:
            return several[0].places[-1].where
        name = name.rpartition(".")[0]
    return None
