"""`status --all`: which revision stands in which environment, and how each step of the playbooks stands there.

In: playbooks. Out: two tables, and the same as data. Databases are only read, several at once; one that cannot be reached is told, and
the others are shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from wgm_play import embedded, server
from wgm_play.document.load import load_file
from wgm_play.errors import InputError, WgmError, unset_names
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.expand import hosts_of
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.promotion import revision, steps
from wgm_play.promotion.freeze import frozen
from wgm_play.promotion.gate import files_of
from wgm_play.promotion.revision import KnownRevision, short
from wgm_play.promotion.source import EnvironmentEvidence, read
from wgm_play.promotion.steps import HELD, SKIPPED, StepMark
from wgm_play.quantities import counted
from wgm_play.run.opening import find_playbook, load_plays, with_placeholders

if TYPE_CHECKING:
    from wgm_play.environment import Environment
    from wgm_play.options import Options
    from wgm_play.playbook.model import Play, Playbook
    from wgm_play.reporter import Reporter
    from wgm_play.run.opening import Loaded

# Each is one short transaction that reads; more connections at once than these are nobody's gain.
AT_ONCE = 8
# How a step stands, in a word: what it says holds there; something else of its name does; nothing does.
OTHER, NEVER, UNKNOWN = "another text", "not yet", "unknown"


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """A play with its environment: what its playbook says now (`wanted`), the files that say so, what stands there.

    `why` says why nothing is known of what stands; `closed` that it is frozen.
    """

    playbook: str
    play: str
    environment: Environment
    project: Path
    wanted: tuple[StepMark, ...]
    known: KnownRevision
    files: tuple[str, ...]
    stands: EnvironmentEvidence | None = None
    why: str = ""
    closed: str = ""

    @property
    def name(self) -> str:
        """The environment."""
        return self.environment.name


def matrix(chosen: Sequence[Options], reporter: Reporter, *, given: bool) -> int:
    """Show the matrix of these playbooks; of files that were not `given` by name, those that are playbooks."""
    columns = [column for options in chosen for column in _columns(options, reporter, given=given)]
    if not columns:
        raise InputError("no playbook is among the files here", hint="wgm-play status --all PLAYBOOK…")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        columns = _in_order(list(pool.map(_asked, columns)))
    heads = ("environment", "from", "revision", "steps", "run", "since (UTC)", "by", "compared with the files here")
    reporter.table("revisions", heads, [_row(one) for one in columns])
    reporter.table("steps", ("step", *(one.name for one in columns)), _steps(columns))
    for one in columns:
        if one.closed:
            reporter.note(f"{one.name} is frozen: {one.closed}")
    reporter.data("matrix", [_data(one) for one in columns])
    return 0


# What the files say ---------------------------------------------------------------------------------------------------


def _columns(options: Options, reporter: Reporter, *, given: bool) -> list[MatrixColumn]:
    """Return the plays of a playbook; one of those that only lie here is left out with a word where it has an error."""
    try:
        if not given and not _is_playbook(options):
            return []
        return [_column(options, *one, why) for one, why in _loaded(options)]
    except InputError as error:
        if given:
            raise
        where = f"{error.where}: " if error.where else ""
        reporter.warn(f"{options.playbook} is left out: {where}{error.message}")
        return []


def _loaded(options: Options) -> list[tuple[Loaded, str]]:
    """Return each play, and why its database cannot be asked where the process environment lacks what says where it is."""
    try:
        return [(one, "") for one in load_plays(options)]
    except InputError as error:
        names = unset_names(error)
        if not names:
            raise
        places = list(dict.fromkeys(hosts for _, hosts, _ in hosts_of(find_playbook(options.playbook))))
        if options.limit is None and len(places) > 1:
            return [one for hosts in places for one in _loaded(replace(options, limit=hosts))]
        return [(one, f"cannot be asked: not set: {', '.join(sorted(names))}") for one in with_placeholders(options)[0]]


def _is_playbook(options: Options) -> bool:
    """Tell whether a file that lies here holds plays: step files and others lie here too."""
    path = find_playbook(options.playbook)
    try:
        document = load_file(path, str(path))
    except WgmError:
        return True  # it is read once more, and says what is wrong
    return isinstance(document, list) and any(isinstance(one, dict) and "hosts" in one for one in document)


def _column(
    options: Options, number: int, play: Play, environment: Environment, playbook: Playbook, why: str
) -> MatrixColumn:
    project = Path(playbook.project)
    named = None
    if playbook.environment_read:
        extra = parse_extra_vars(options.extra_vars)
        with contextlib.suppress(WgmError):
            named = steps.with_names(find_playbook(options.playbook), environment, extra, number)
    wanted = steps.marks(named.plays[0] if named else play, masked=bool(playbook.environment_read) and named is None)
    files = files_of(playbook.inputs, project)
    known = revision.known(files, project, options.revision)
    return MatrixColumn(options.playbook, play.name, environment, project, tuple(wanted), known, files, why=why)


# What stands there ----------------------------------------------------------------------------------------------------


def _asked(column: MatrixColumn) -> MatrixColumn:
    """Read one environment."""
    environment = column.environment
    if column.why:
        return column
    if environment.embedded is not None and embedded.status(environment.embedded, column.project) is None:
        return replace(column, why="its embedded server is not running")
    wanted = {one.digest for one in column.wanted if one.state == HELD}
    try:
        with server.connect(
            environment, application_name="wgm-play status", project=column.project, read_only=True
        ) as connection:
            found = read(connection, column.name, environment.marker or column.name, wanted, 0)
            closed = frozen(connection, environment.freeze)
    except (WgmError, psycopg.Error) as error:
        said = error.message if isinstance(error, WgmError) else str(error).strip().partition("\n")[0]
        return replace(column, why=f"cannot be asked: {said}")
    return replace(column, stands=found, why=found.why, closed=str(closed) if closed else "")


# Side by side -----------------------------------------------------------------------------------------------------------


def _in_order(columns: list[MatrixColumn]) -> list[MatrixColumn]:
    """Return the columns with those that others are promoted from in front."""
    sources = {one.name: one.environment.promotion.source for one in columns if one.environment.promotion}

    def depth(name: str, seen: tuple[str, ...] = ()) -> int:
        return 0 if name in seen or name not in sources else 1 + depth(sources[name], (*seen, name))

    return sorted(columns, key=lambda one: depth(one.name))


def _row(column: MatrixColumn) -> tuple[Any, ...]:
    stands, promotion = column.stands, column.environment.promotion
    source = promotion.source if promotion else ""
    if stands is None or column.why:
        return (column.name, source, "", "", "", "", "", column.why)
    since = f"{stands.since:%Y-%m-%d %H:%M}" if stands.since else ""
    wanted = [one for one in (_state(mark, column) for mark in column.wanted) if one != SKIPPED]
    held = f"{sum(one == HELD for one in wanted)} of {len(wanted)}"
    compared = _compared(column, stands)
    return (column.name, source, short(stands.commit), held, stands.run, since, stands.role, compared)


def _compared(column: MatrixColumn, stands: EnvironmentEvidence) -> str:
    """Say how what stands compares with the files here."""
    known, commit = column.known, stands.commit
    words = []
    if stands.dirty:
        words.append(f"made of edited files: {', '.join(stands.dirty)}")
    if known.commit is None or commit is None:
        words.append("no revision is known here" if known.commit is None else "it kept no revision")
    elif known.commit.startswith(commit) or commit.startswith(known.commit):
        words.append("the same")
    elif known.top is None:
        words.append(f"another commit than {known.shown}")
    else:
        try:
            changed = revision.changed_between(known.top, commit, known.commit, column.files)
            words.append(f"{counted(len(changed), 'file')} changed since" if changed else "no file changed since")
        except revision.GitError:
            words.append(f"not in this clone: {revision.fetch_hint(known.top, commit)}")
    if known.dirty:
        words.append(f"edited here: {', '.join(known.dirty)}")
    return "; ".join(words)


def _state(one: StepMark, column: MatrixColumn) -> str:
    """Say how a step that the playbook declares stands there."""
    if column.stands is None or column.why:
        return UNKNOWN
    if one.state == SKIPPED:
        return SKIPPED
    found = next((mark for mark in column.stands.steps if mark.digest == one.digest), None)
    if found is not None:
        return found.state
    return OTHER if any((mark.name, mark.item) == (one.name, one.item) for mark in column.stands.steps) else NEVER


def _steps(columns: Sequence[MatrixColumn]) -> list[tuple[str, ...]]:
    """Return the steps of all playbooks by their names, each with how it stands in each environment."""
    cells: dict[tuple[str, str, int], dict[int, str]] = {}
    for number, column in enumerate(columns):
        seen: dict[tuple[str, str], int] = {}
        for one in column.wanted:
            seen[one.name, one.item] = seen.get((one.name, one.item), 0) + 1
            cells.setdefault((one.name, one.item, seen[one.name, one.item]), {})[number] = _state(one, column)
    return [
        (name + (f" ({item})" if item else ""), *(states.get(number, "") for number in range(len(columns))))
        for (name, item, _), states in cells.items()
    ]


def _data(column: MatrixColumn) -> dict[str, Any]:
    stands, promotion = column.stands, column.environment.promotion
    good = stands if stands is not None and not column.why else None
    return {
        "environment": column.name,
        "playbook": column.playbook,
        "play": column.play,
        "from": promotion.source if promotion else None,
        "unknown": column.why or None,
        "frozen": column.closed or None,
        "revision": good.commit if good else None,
        "edited": list(good.dirty) if good else [],
        "here": column.known.commit,
        "edited_here": list(column.known.dirty),
        "compared": _compared(column, good) if good else None,
        "run": good.run if good else None,
        "since": good.since.isoformat() if good and good.since else None,
        "by": good.role if good else None,
        "steps": [{"name": one.name, "item": one.item, "state": _state(one, column)} for one in column.wanted],
    }
