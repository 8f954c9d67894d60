"""From the command line's words to plays: which file, which plays of it, each with its own environment.

In: `Options`. Out: plays as they are loaded, or the `PlaySession` of each. No database is asked.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.document import vault
from wgm_play.environment import Environment, load_environment, url_of
from wgm_play.errors import InputError, Position, Problems, Refused, WgmError, unset_names
from wgm_play.playbook.expand import backup_of, hosts_of, load_playbook, project_of
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.model import Play, Playbook
from wgm_play.playbook.selection import refuse_unknown
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.run.work import PlaySession
from wgm_play.untrusted import environ_of, refuse_own_environments

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter

# As much of a digest is written as a pin.
PINNED = 32

Loaded = tuple[int, Play, Environment, Playbook]


def find_playbook(name: str) -> Path:
    """Return the file that a name means: here, or in playbooks/."""
    here = Path(name)
    if here.exists() or here.is_absolute():
        return here
    below = Path("playbooks") / name
    return below if below.exists() else here


def load_plays(options: Options, environ: Mapping[str, str] | None = None) -> list[Loaded]:
    """Load a playbook's plays, each with its own environment alone; `--limit` chooses among them.

    `environ` stands for the process environment. The errors of all plays are raised at once.
    """
    extra = parse_extra_vars(options.extra_vars)
    path = find_playbook(options.playbook)
    found: list[Loaded] = []
    problems: dict[tuple[str, Position | None], WgmError] = {}  # what is wrong with a file is wrong in each play
    for number, _play, environment in _named_plays(options, environ):
        try:
            process = environ_of(options, environ if environment.provided is None else environment.provided)
            playbook = load_playbook(path, environment, extra, environ=process, number=number)
            found.append((number, playbook.plays[0], environment, playbook))
        except InputError as error:
            for one in error.problems if isinstance(error, Problems) else (error,):
                for name in unset_names(one) if options.untrusted and isinstance(one, InputError) else ():
                    one.hint = f"an untrusted playbook reads only what is listed: --env {name}"
                problems.setdefault((one.message, one.where), one)
    raise_all(list(problems.values()))
    return found


def with_placeholders(options: Options) -> tuple[list[Loaded], list[str]]:
    """Load a playbook's plays where no secret may be at hand: return what `env.` reads and is not set besides."""
    placeholders: dict[str, str] = {}
    while True:
        try:
            with vault.placeholders():
                return load_plays(options, ChainMap(placeholders, os.environ)), sorted(placeholders)
        except InputError as error:
            names = unset_names(error) - placeholders.keys()
            if not names:
                raise
            placeholders |= {name: f"postgresql://{name.lower()}" for name in names}


def said_unset(names: Iterable[str]) -> str:
    """Say which environment variables placeholders stand for: once, by whatever asks no database."""
    return f"not set, a placeholder stands for it: {', '.join(sorted(names))}"


def _named_plays(options: Options, environ: Mapping[str, str] | None = None) -> Iterator[tuple[int, Play, Environment]]:
    """Yield each play that `--limit` chooses: its number, the play without what it declares, its environment."""
    path = find_playbook(options.playbook)
    project = project_of(path)
    inventory = Path(options.inventory) if options.inventory else None
    refuse_own_environments(options, project)
    url_of(options.url)  # what is wrong with it is wrong in no file
    found = hosts_of(path)
    chosen = _limited(found, options.limit)
    for number, (name, hosts, where) in enumerate(found):
        if number not in chosen:
            continue
        try:
            environment = load_environment(
                hosts, project, inventory, options.url, environ, commands=not options.untrusted
            )
        except InputError as error:
            if error.where is None or not error.where.line:
                error.where = where
            raise
        yield number, Play(name, hosts, where, ()), environment


def _limited(found: Sequence[tuple[str, str, Position]], limit: str | None) -> set[int]:
    if limit is None:
        return set(range(len(found)))
    from fnmatch import fnmatchcase

    wanted = [word for word in limit.replace(":", ",").split(",") if word]
    some = [word for word in wanted if word[0] not in "!&"]
    chosen = {
        number
        for number, (name, hosts, _) in enumerate(found)
        if (not some or any(word == "all" or fnmatchcase(one, word) for word in some for one in (hosts, name)))
        and all(fnmatchcase(hosts, word[1:]) for word in wanted if word[0] == "&")
        and not any(fnmatchcase(hosts, word[1:]) for word in wanted if word[0] == "!")
    }
    if not chosen:
        known = ", ".join(hosts for _, hosts, _ in found)
        raise InputError(f"--limit {limit} leaves no play", hint=f"known: {known}")
    return chosen


def open_plays(options: Options, reporter: Reporter) -> list[PlaySession]:
    """Return the work of each play of the playbook."""
    found = load_plays(options)
    refuse_unknown([one[1] for one in found], options.tags, options.skip_tags, options.start_at_step)
    if not options.pins:
        for _, _, environment, playbook in found:
            refuse_unpinned(environment.name, playbook, options)
    for _, _, environment, _ in found:
        if environment.left_out:
            reporter.note(
                f"--url is another database than {environment.path} names: its `{'`, `'.join(environment.left_out)}` is for"
                " that one, and left out"
            )
    return [
        PlaySession(options, reporter, environment, playbook, play, number)
        for number, play, environment, playbook in found
    ]


def refuse_unpinned(name: str, playbook: Playbook, options: Options) -> None:
    """Refuse step files that are not what an environment pins."""
    found = [one for one in playbook.pins if not one.fits]
    if found:
        said = [f"{one.file} is not what {name} pins: {one.pinned}, and it is {one.digest[:PINNED]}" for one in found]
        raise Refused(
            f"{said[0]}; nothing was touched",
            where=found[0].where,
            details=said[1:],
            hint=f"wgm-play promote {options.playbook} --pins moves it once it was tried where {name} is promoted from",
        )


def open_targets(options: Options, reporter: Reporter) -> list[PlaySession]:
    """Return the work of each play without what it declares: a run is steered while its playbook is being edited."""
    path = find_playbook(options.playbook)
    playbook = Playbook(str(path), str(project_of(path)), (), {}, "")
    return [
        PlaySession(options, reporter, environment, playbook, replace(play, backup=backup_of(path, number)))
        for number, play, environment in _named_plays(options)
    ]
