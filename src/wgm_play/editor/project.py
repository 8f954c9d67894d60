"""A project as it is being written: its playbooks, what is wrong in which file, what it says of which object.

In: the folder of a project, texts that stand for those of its files. Out: `ProjectState`. A playbook that is broken just now keeps
what was known of it when it was right.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.document.as_read import instead
from wgm_play.errors import InputError, Position, Problems, Refusals, WgmError
from wgm_play.finding import Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.options import Options
from wgm_play.playbook.files import ENVIRONMENTS
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Declarations
from wgm_play.playbook.origins import OriginLine, origins
from wgm_play.run.opening import Loaded, with_placeholders
from wgm_play.secret import mask

ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place, in the words of a finding: its code ("" for what is no hazard), severity, message, remedy."""

    where: Position
    severity: str
    message: str
    code: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A play that was right: as loaded, folded, with the places of its objects; the catalog where a server made it."""

    loaded: Loaded
    folded: Declarations
    places: Mapping[Key, list[OriginLine]]
    catalog: Catalog | None = None


@dataclass(slots=True)
class ProjectState:
    """What is known of a project; `plays` by playbook, `problems` by file (a real path), `files` that playbooks read."""

    root: Path
    plays: dict[str, list[Read]] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def reads(self) -> Iterator[Read]:
        """Yield every play."""
        for several in self.plays.values():
            yield from several

    def places(self) -> Iterator[tuple[Key, OriginLine]]:
        """Yield every object with each place that speaks of it, once."""
        seen: set[tuple[Key, Position]] = set()
        for read in self.reads():
            for key, places in read.places.items():
                for place in places:
                    if (key, place.where) not in seen:
                        seen.add((key, place.where))
                        yield key, place


def real(file: str) -> str:
    """Return a file by its real path, as messages name it or not."""
    return os.path.realpath(file)


def playbooks(root: Path, texts: Mapping[str, str]) -> list[Path]:
    """Return the playbooks of a project: files whose entries have `hosts`."""
    found = []
    for folder in (root / "playbooks", root):
        names = {str(one) for one in folder.iterdir()} if folder.is_dir() else set()
        names |= {one for one in texts if os.path.dirname(one) == real(str(folder))}
        for path in sorted(map(Path, names)):
            if path.suffix in ENDINGS and "hosts:" in _text(path, texts):
                found.append(path)
    return list({real(str(path)): path for path in found}.values())


def _text(path: Path, texts: Mapping[str, str]) -> str:
    given = texts.get(real(str(path)))
    if given is not None:
        return given
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def look(root: Path, texts: Mapping[str, str], before: ProjectState | None = None) -> ProjectState:
    """Read a project's playbooks as they are now; nothing is asked and nothing started."""
    made = ProjectState(root)
    with instead(texts):
        for path in playbooks(root, texts):
            name = str(path)
            made.files.add(real(name))
            try:
                made.plays[name] = [_read(one) for one in with_placeholders(Options(name))[0]]
                found = list(_of_lint(path))
            except WgmError as error:
                found = list(problems_of(error, name))
                if before is not None and name in before.plays:
                    made.plays[name] = before.plays[name]
            for read in made.plays.get(name, []):
                made.files |= {real(one) for one in read.loaded[3].inputs}
            _file(made, found)
    return made


def _file(state: ProjectState, found: Sequence[Problem]) -> None:
    for one in found:
        several = state.problems.setdefault(real(one.where.file), [])
        if one not in several:
            several.append(one)


def _read(loaded: Loaded) -> Read:
    play, playbook = loaded[1], loaded[3]
    folded = fold(play.steps)
    for declaration in folded.declarations.values():
        _ = declaration.statements  # made when they are read: what is wrong in one is told now
    return Read(loaded, folded, origins(play, folded, Path(playbook.project)))


def problems_of(error: WgmError, file: str) -> Iterator[Problem]:
    """Yield each error at its place."""
    for one in error.problems if isinstance(error, Problems | Refusals) else (error,):
        where = one.where or Position(file)
        details = "" if one.private else "\n".join(one.details)
        told = f"{one.message}\n{details}" if details else one.message
        yield Problem(where, "error", mask(told), remedy=mask(one.hint or ""))


def _of_lint(path: Path) -> Iterator[Problem]:
    from wgm_play.lint.command import LintOptions, settings_of
    from wgm_play.lint.playbooks import of_playbook

    chosen = settings_of(LintOptions([str(path)]))
    yield from (
        problem_of(one) for one in of_playbook(path, chosen, None, scratch=False) if one.where and not one.acknowledged
    )


def problem_of(one: Finding) -> Problem:
    """Return a finding as a problem."""
    assert one.where is not None  # noqa: S101 - asked before
    about = f"{one.object}: " if one.object and one.object not in one.message else ""
    return Problem(one.where, one.severity, mask(about + one.message), one.code, mask(one.remedy))


def of_sql(path: Path, texts: Mapping[str, str]) -> tuple[list[Problem], list[Any]]:
    """Return what lint finds in a file of SQL, and the safe forms that it knows."""
    from wgm_play.lint.command import LintOptions, settings_of
    from wgm_play.lint.command import of_sql as find
    from wgm_play.lint.sources import sources

    proposed: list[Any] = []
    with instead(texts):
        options = LintOptions([str(path)])
        try:
            read = sources(options.paths, options.tool)
            found = find(read.parts, options, settings_of(options), None, read.silent, proposed)
        except InputError as error:
            return list(problems_of(error, str(path))), []
    return [problem_of(one) for one in found if one.where and not one.acknowledged], proposed


def realise(state: ProjectState, texts: Mapping[str, str]) -> ProjectState:
    """Make what each play declares in a scratch database of our own: what PostgreSQL refuses is told at its line.

    Return the state with the catalogs, and what was refused.
    """
    from wgm_play.review.wanted import wanted

    made = ProjectState(state.root, dict(state.plays), {k: list(v) for k, v in state.problems.items()}, state.files)
    told: set[tuple[Position, str]] = set()
    with instead(texts):
        for name, reads in state.plays.items():
            done = []
            for read in reads:
                try:
                    with closing(wanted([read.loaded], Options(name))) as several:
                        one = next(several)
                        done.append(Read(read.loaded, read.folded, read.places, one.catalog))
                        _file(made, _of_rules(one, Path(name)))
                except (InputError, Refusals) as error:
                    new = [one for one in problems_of(error, name) if (one.where, one.message) not in told]
                    told |= {(one.where, one.message) for one in new}
                    _file(made, new)
                    done.append(read)
                except WgmError:
                    done.append(read)  # no server: what needs none is shown
            made.plays[name] = done
    return made


def _of_rules(made: Any, path: Path) -> list[Problem]:
    """Return what a team's own rules find in a play."""
    from wgm_play.lint.command import LintOptions, settings_of
    from wgm_play.lint.custom import found
    from wgm_play.lint.settings import settings

    environment = made.loaded[2]
    chosen = settings(environment.lint, environment.path, settings_of(LintOptions([str(path)])))
    return [problem_of(one) for one in found(made, chosen) if one.where]


def project_of(file: Path) -> Path | None:
    """Return the project that a file belongs to, None for a file of no project."""
    return next((folder for folder in file.parents if (folder / ENVIRONMENTS).is_dir()), None)
