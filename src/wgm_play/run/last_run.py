"""What the last run that ended in order knew, kept for the next one: then an edit is planned without the rest.

In: a play with its environment and options, catalogs. Out: `LastRun`, or None where there is none or it is not good for this play
and this program. It is in the project's cache: never needed, only faster.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

from wgm_play import __version__
from wgm_play.cache import inputs
from wgm_play.catalog.model import CLASSES, Catalog, Extra, Key
from wgm_play.catalog.normal_form import normal_row, plain_row
from wgm_play.planning.model import LastRun
from wgm_play.playbook.fold import digest_of
from wgm_play.shadow.realise import schemas_of
from wgm_play.sql import reveal
from wgm_play.user_cache import dumps, loads

if TYPE_CHECKING:
    from pathlib import Path

    from wgm_play.cache.store import Cache
    from wgm_play.environment import Environment
    from wgm_play.options import Options
    from wgm_play.playbook.model import Declarations, Play, Playbook

# Plays kept per project.
KEPT = 10


class PlayIdentity(Protocol):
    """A play at work, as far as it tells where its last run is kept and what that is good for."""

    playbook: Playbook
    play: Play
    environment: Environment
    options: Options

    @property
    def cache(self) -> Cache:
        """Where it is kept."""

    @property
    def project(self) -> Path:
        """The folder of the playbook's project."""


def place(work: PlayIdentity) -> str:
    """Return the name under which the last run of a play is kept on a database."""
    text = repr((work.playbook.path, work.play.name, work.environment.name, work.options.url))
    return f"last-run-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def load(work: PlayIdentity) -> LastRun | None:
    """Return what the last run of a play left."""
    content = work.cache.read(place(work))
    if content is None or content[:32] != _form(work):
        return None
    try:
        return _thaw(loads(content[32:]))
    except (ValueError, TypeError, LookupError):
        return None


def save(work: PlayIdentity, last: LastRun) -> None:
    """Keep what a run left for the next one."""
    work.cache.write(place(work), _form(work) + dumps(_freeze(last)), keep=KEPT)


def drop(work: PlayIdentity) -> None:
    """Forget the last run of a play."""
    work.cache.remove(place(work))


def facts(work: PlayIdentity, folded: Declarations, imperative: str) -> str:
    """Return the digest of what a plan depends on beside what steps say of objects and what is live."""
    play, environment = work.play, work.environment
    known = (
        play.name,
        play.prune,
        play.renames,
        repr(play.manage),
        repr(environment.shadow),
        imperative,
        sorted((one.name, [reveal(text) for text in one.texts()]) for one in play.alerts),
        sorted((one.name, reveal(one.query)) for one in play.invariants),
        sorted((one.name, reveal(one.query)) for one in play.queries),
        [reveal(one.query) for one in folded.assertions],
        schemas_of(folded.declarations),
    )
    return hashlib.sha256(repr(known).encode("utf-8", "surrogatepass")).hexdigest()


def digests(folded: Declarations) -> dict[Key, str]:
    """Return the digests of what steps say of objects."""
    return {key: digest_of(text) for key, text in folded.said.items()}


def _form(work: PlayIdentity) -> bytes:
    """Return what it is good for: this program, with the templates that the project has of its own."""
    shape = [(kind, found.__slots__) for kind, found in CLASSES.items()]
    own = inputs.files_below(str(work.project / "templates"))
    made = (__version__, shape, inputs.program(), sorted(own))
    return hashlib.sha256(repr(made).encode()).digest()


def _freeze(last: LastRun) -> Any:
    """Return it as plain values; edges and managed objects as numbers of keys."""
    live = last.live
    numbers: dict[Key, int] = {}
    gone = (key for key, *_ in last.skipped)
    for key in (*live.rows, *live.extras, *last.said, *last.managed, *last.outside, *gone):
        numbers.setdefault(key, len(numbers))
    for edge in live.edges:
        for key in edge:
            numbers.setdefault(key, len(numbers))
    pairs = [numbers[key] for edge in live.edges for key in edge]
    return (
        last.identity,
        last.versions,
        last.facts,
        [(key.kind, key.name) for key in numbers],
        [(numbers[key], plain_row(row)) for key, row in live.rows.items()],
        [(numbers[key], *extra) for key, extra in live.extras.items()],
        pairs,
        live.unmodelled,
        live.version,
        [(numbers[key], text) for key, text in last.said.items()],
        [numbers[key] for key in last.managed],
        [numbers[key] for key in last.outside],
        [(numbers[key], *said) for key, *said in last.skipped],
        last.digest,
        last.snapshot,
    )


def _thaw(frozen: Any) -> LastRun:
    identity, versions, known, names, rows, extras, edges, unmodelled, version, said, managed, outside, *rest = frozen
    gone, digest, snapshot = rest
    keys = [Key(kind, name) for kind, name in names]
    numbers = iter(edges)
    live = Catalog(
        {keys[number]: normal_row(keys[number].kind, row) for number, row in rows},
        {keys[number]: Extra(*rest) for number, *rest in extras},
        frozenset((keys[one], keys[other]) for one, other in zip(numbers, numbers, strict=True)),
        unmodelled,
        version,
    )
    return LastRun(
        identity,
        versions,
        known,
        {keys[number]: text for number, text in said},
        live,
        frozenset(keys[number] for number in managed),
        tuple(keys[number] for number in outside),
        tuple((keys[number], *told) for number, *told in gone),
        digest,
        snapshot,
    )
