"""`restore --in-place` of a whole cluster: restored beside, then exchanged with what is there; WAL goes on, CI is held.

In: a play at work, the backup, the moment. Out: the server runs on what was restored; the old data directory is kept.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play.backup import in_place, slot, target
from wgm_play.backup.cluster import programs_for
from wgm_play.backup.moment import LATEST, Moment
from wgm_play.commands.taken_back import Applied, applied, freeze_again, frozen, hold
from wgm_play.errors import Refused, Unreachable, WgmError
from wgm_play.execute.guard import refuse_beside_another
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.model import Decision
from wgm_play.render import render
from wgm_play.run.gate import engine_of
from wgm_play.server_tools import parameters

if TYPE_CHECKING:
    from wgm_play import backup as engines
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

ANSWER_SECONDS = 60.0
_POLL = 0.1
_APPLICATION = "wgm-play/restore"


@dataclass(frozen=True, slots=True)
class _Before:
    """What the server said while it ran: its other databases, its slots, what its ledger holds; nothing where it was silent."""

    others: list[str]
    slots: list[str]
    runs: list[Applied]
    freeze: Decision | None


def refuse_unreached(engine: engines.Engine) -> Refused:
    """Return the refusal of an environment that does not say where its cluster is, with the steps by hand."""
    return Refused(
        f"a {engine.method} backup takes the place of a whole cluster: the environment does not say how it is stopped and"
        " started; nothing was touched",
        hint="say so, where this machine reaches its data directory: server: {data: PATH, stop: [...], start: [...]}",
        details=[
            "or restore beside it, --into dir:PATH, then by hand:",
            "1. stop the server, and keep its data directory: it may hold WAL that was never received",
            "2. move the restored directory to its place, with the configuration of the old one, and start the server",
            "3. set the marker of the environment to that of the restored database, which `status` shows",
            "4. `wgm-play wal PLAYBOOK` makes the slot anew, `wgm-play backup PLAYBOOK` takes a base on the new timeline",
        ],
    )


def put_back(
    work: PlaySession,
    engine: engines.Engine,
    found: engines.Backup,
    moment: Moment | None,
    *,
    whole_cluster: bool,
    reporter: Reporter,
) -> engines.Restored:
    """Put a cluster back as of a moment. Raise `Refused` where nothing was touched, `StepFailed` where it runs as before."""
    server = work.environment.server
    if server is None:
        raise refuse_unreached(engine)
    place = in_place.ClusterPlace.of(server)
    place.refuse(found.system, programs_for(found.server_version // 10000))
    before = _asked(work, engine, found, place)
    _refuse_others(before.others, whole_cluster)
    latest = moment is not None and moment.kind == LATEST
    if latest:
        # What is committed meanwhile would be lost: nothing is, and what the server has not sent yet it sends now.
        place.halt()
    try:
        restored = engine.restore(found, place.fresh, moment, in_place=True)
    except BaseException:
        if latest:
            place.begin()
        raise
    place.take_over()
    _await(work.connections.target.url)
    notes = [*place.moved(), *_carry_on(work, before, restored.reached, reporter)]
    return replace(restored, database=str(place.data), kept=str(place.kept), notes=tuple(notes))


def _asked(work: PlaySession, engine: engines.Engine, found: engines.Backup, place: in_place.ClusterPlace) -> _Before:
    """Ask the running server whether it is the one of the data directory, and what is to be known of it."""
    try:
        if why := engine.stranger(found):
            raise Refused(
                f"the backup {found.id} does not take the place of this cluster: {why}; nothing was touched",
                hint="--into dir:PATH brings it back beside",
            )
        work.check_marker()
        refuse_beside_another(work.reading, None)
        runs, freeze = applied(work.reading), frozen(work.reading)
        session = work.reading
        if not place.is_of(float(target.one(session, "server_start.sql.j2"))):
            raise Refused(
                f"the server that answers does not run on {str(place.data)!r}; nothing was touched",
                hint="server.data in the environment and its url must be of one server",
            )
        others = _others(work.connections.target.url, target.column(session, "databases.sql.j2"))
        slots = target.column(session, "slots.sql.j2")
        session.close()
        return _Before(others, slots, runs, freeze)
    except Unreachable as error:
        if place.running:
            raise Refused(
                f"a server runs on {str(place.data)!r} and does not let us look at it: {error.message}; nothing was touched",
                hint="let it, or stop it yourself: then the same command again",
            ) from error
        work.reporter.warn(f"the server does not answer, what it knows cannot be held: {error.message}")
        known = engine.databases_in(found)
        return _Before([name for name in known if name not in (*target.MAINTENANCE, found.database)], [], [], None)


def _others(url: str, names: list[str]) -> list[str]:
    """Return the databases that would go back as well: not ours, and not one for maintenance that is empty."""
    own = parameters(url).get("dbname")
    return [name for name in names if name != own and not _is_empty(url, name)]


def _is_empty(url: str, name: str) -> bool:
    if name not in target.MAINTENANCE:
        return False
    try:
        with target.connect(target.with_database(url, name), _APPLICATION) as session:
            return not target.column(session, "occupied.sql.j2")
    except Unreachable:
        return False


def _refuse_others(others: list[str], whole_cluster: bool) -> None:
    if others and not whole_cluster:
        raise Refused(
            f"the backup is of a whole cluster: {', '.join(map(repr, others))} would go back as well; nothing was touched",
            hint="--whole-cluster puts them all back; --table NAME, or --into dir:PATH, brings back what you need of one",
        )


def _await(url: str) -> None:
    """Wait until the server lets us in, and is out of recovery."""
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with target.connect(url, _APPLICATION) as session:
                if not target.one(session, "recovered.sql.j2"):
                    return
        except Unreachable:
            if time.monotonic() > until:
                raise
        time.sleep(_POLL)


def _carry_on(work: PlaySession, before: _Before, reached: str, reporter: Reporter) -> list[str]:
    """Let WAL be received and CI be held; take a base on the new timeline. Return notes; what fails is said."""
    url, playbook = work.connections.target.url, work.options.playbook
    _, engine = engine_of(work)  # anew: it knows the timeline of now
    own = engine.slot
    with target.connect(url, _APPLICATION) as session:
        if own in before.slots and slot.look(session, own) is None:
            session.execute(render("backup/make_slot.sql.j2", name=own).sql)
    others = [one for one in before.slots if one != own]
    notes = [f"the slot {one!r} did not come back: who received by it has to be set up anew" for one in others]
    notes += hold(work, before.runs, f"restored in place to {reached}")
    notes += freeze_again(work, before.freeze)
    if engine.capabilities.wal and own not in before.slots:
        notes.append(f"nobody received WAL before: wgm-play wal {playbook}")
    try:
        made = engine.make("after a restore in place", "")
        notes.append(f"backup {made.id} is the base of the new timeline")
    except WgmError as error:
        reporter.warn(f"no base was taken on the new timeline: {error.message}; wgm-play backup {playbook}")
    return notes
