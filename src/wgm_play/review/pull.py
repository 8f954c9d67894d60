"""Review what a branch does to a playbook's databases, or how two playbooks differ.

In: options of the playbook as it is; the name of a commit, or another playbook. Out: `Review`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wgm_play.catalog.model import Key
from wgm_play.environment import FOLDER as ENVIRONMENTS
from wgm_play.errors import InputError, Position, Problems, Refusals, Refused, WgmError
from wgm_play.finding import ERROR, WARNING, Finding, ordered
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Plan
from wgm_play.planning.edited_part import bare
from wgm_play.playbook.expand import hosts_of, project_of
from wgm_play.playbook.files import copied
from wgm_play.playbook.fold import fold
from wgm_play.quantities import counted
from wgm_play.review import gates
from wgm_play.review.compare import ComparedPlay, UnplannedPlay, compare, pairs, version_of
from wgm_play.review.findings import told
from wgm_play.review.git import BaseCommit, Repository
from wgm_play.review.model import OTHER, REFUSED, SECURITY, Also, PlayReview, Review
from wgm_play.review.renamed import project_of_file, under_names_of_now
from wgm_play.run.opening import Loaded, find_playbook, said_unset, with_placeholders
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Before:
    """What a playbook is compared with: its options (None: it is new), how it is called, what is to be said of it.

    `renamed` are files that are called otherwise now, with what they were called; as the repository names them.
    """

    options: Options | None
    called: str
    notes: tuple[str, ...] = ()
    one_database: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)


def against_commit(now: Options, name: str, reporter: Reporter, also_open: Sequence[str] = ()) -> Review:
    """Review the files as they lie here against those where this branch began; a playbook may be gone since."""
    if not find_playbook(now.playbook).exists():
        return _deleted(now, name)
    repository = Repository.of(find_playbook(now.playbook).absolute().parent)
    base = repository.base(name)
    renamed, path = repository.renamed(base), repository.inside(find_playbook(now.playbook))
    with _as_it_was(repository, base.commit, now, renamed) as options:
        called = f"against {name} ({base.short})"
        notes = [*_about(repository, base, options, now), *_changed_environments(options, now)]
        if options is not None and path in renamed:
            notes.append(f"{path} is called {renamed[path]} in {name}: it is compared with that")
        review = _review(now, Before(options, called, tuple(notes), renamed=renamed), reporter)
        review = replace(review, root=str(repository.root), path=path)
    if not also_open or review.broken:
        return review
    found = [_also(repository, name, ref, now, base) for ref in also_open]
    return replace(review, also=tuple(one for one in found if one is not None))


def _deleted(now: Options, name: str) -> Review:
    """Review a playbook that the base has and this branch has not. Raise `InputError` where neither has it."""
    for place in (Path(now.playbook), Path("playbooks") / now.playbook):
        folder = next(one for one in place.absolute().parents if one.is_dir())
        repository = Repository.of(folder)
        base = repository.base(name)
        with _as_it_was(repository, base.commit, replace(now, playbook=str(place))) as options:
            if options is None:
                continue
            notes = list(_about(repository, base, options, now))
            called = f"against {name} ({base.short})"
            path = repository.inside(place.absolute())
            if (new := {old: new for new, old in repository.renamed(base).items()}.get(path)) is not None:
                notes.append(f"{place} is called {new} now: it is reviewed under that name")
                return Review(place.as_posix(), called, notes=tuple(notes), root=str(repository.root), path=path)
            plays, unset = with_placeholders(options)
            notes.append(f"{place} is deleted by this branch")
            notes += [said_unset(unset)] if unset else []
            notes += [f"{other} has a play for {one[2].name}" for one in plays for other in _others(place, one[2].name)]
            found = tuple(_gone(one, place.as_posix()) for one in plays)
            return Review(place.as_posix(), called, found, tuple(notes), root=str(repository.root), path=path)
    raise InputError(
        f"no playbook {now.playbook!r}, neither here nor in {name}",
        hint="check the path; git ls-tree lists what a commit has",
    )


def _others(gone: Path, environment: str) -> Iterator[str]:
    """Yield the playbooks beside one that is gone that have a play for its environment."""
    for path in sorted(gone.parent.glob("*.y*ml")) if gone.parent.is_dir() else ():
        try:
            if any(hosts == environment for _, hosts, _ in hosts_of(path)):
                yield path.as_posix()
        except (InputError, TypeError, KeyError):
            continue  # it is no playbook, or is told on its own


def against_playbook(before: Options, now: Options, reporter: Reporter) -> Review:
    """Review what a playbook has that another has not."""
    return _review(now, Before(before, f"against {before.playbook}", one_database=False), reporter)


def _about(repository: Repository, base: BaseCommit, options: Options | None, now: Options) -> Iterator[str]:
    if repository.commit("HEAD") == base.commit and not repository.changed(base):
        yield f"what is checked out is {base.name}, and nothing was edited since: there is nothing to compare"
    if base.behind:
        yield (
            f"{base.name} has {counted(base.behind, 'commit')} that this branch has not: it is compared with {base.short}, where it"
            f" began; git merge {base.name} shows the rest"
        )
    if options is None:
        yield f"{now.playbook} is not in {base.short}: everything in it is new"


def _changed_environments(before: Options | None, now: Options) -> Iterator[str]:
    """Yield what is to be said of environments that a stranger's branch changes or brings, whether they are used or not."""
    if not now.untrusted or before is None:
        return
    then, here = (project_of(find_playbook(one.playbook)) / ENVIRONMENTS for one in (before, now))
    for name in sorted({path.name for folder in (then, here) if folder.is_dir() for path in folder.iterdir()}):
        if name != "allowed_signers" and _content(then / name) != _content(here / name):
            brought = (
                now.inventory is not None and not (then / name).exists() and (Path(now.inventory) / name).is_file()
            )
            how = (
                "new in this branch, and taken as it is"
                if brought
                else "changed by this branch: that is not looked at here"
            )
            yield f"environments/{name} is {how}"


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@contextmanager
def _as_it_was(
    repository: Repository, commit: str, now: Options, renamed: Mapping[str, str] | None = None
) -> Iterator[Options | None]:
    """Give the options of the playbook as a commit has it, in a folder of its own for a `with` block; None where it has none."""
    path = find_playbook(now.playbook).absolute()
    project, file = repository.inside(project_of(path)), repository.inside(path)
    old = (renamed or {}).get(file, file)
    project = project_of_file(repository, commit, old, project)
    with TemporaryDirectory(prefix="wgm-diff-") as folder:
        repository.copy(commit, project, Path(folder))
        then = Path(folder) / PurePosixPath(old).relative_to(project)
        if not then.is_file():
            yield None
            return
        try:
            with copied(project_of(then), project_of(path)):
                yield replace(now, playbook=str(then))
        except WgmError as error:
            _rename(error, folder, commit)
            raise


def _rename(error: WgmError, folder: str, commit: str) -> None:
    """Let an error name files as git does, and not the copy, which is gone when somebody reads it."""
    for one in error.problems if isinstance(error, Problems | Refusals) else (error,):
        if one.where is not None:
            one.where = replace(one.where, file=_short(one.where.file, folder, commit))
        one.message = _short(one.message, folder, commit)
        one.args = (one.message,)
        one.hint = _short(one.hint, folder, commit) if one.hint else None
        one.details = tuple(_short(line, folder, commit) for line in one.details)


def _short(text: str, folder: str, commit: str) -> str:
    for place in dict.fromkeys((str(Path(folder).resolve()), folder)):
        text = text.replace(f"{place}/", f"{commit[:10]}:").replace(place, commit[:10])
    return text


def _review(now: Options, before: Before, reporter: Reporter) -> Review:
    subject = _subject(now)
    lacking: set[str] = set()
    plays_before: list[Loaded] = []
    if before.options is not None:
        plays_before, unset = with_placeholders(before.options)
        lacking |= set(unset)
    try:
        plays_now, unset = with_placeholders(now)
    except InputError as error:
        return Review(subject, before.called, notes=before.notes, broken=tuple(_broken(error)))
    lacking |= set(unset)
    plays_before, said = under_names_of_now(plays_before, plays_now, before.renamed)
    notes = [*before.notes, *said, *_pinned(plays_now, subject)]
    if lacking:
        notes.append(said_unset(lacking))
    found: list[PlayReview] = []
    wanted = list(pairs(plays_now, plays_before, one_database=before.one_database))
    try:
        with closing(compare(now, before.options, wanted, reporter)) as compared:
            found = []
            for one in compared:
                if isinstance(one, UnplannedPlay):
                    found.append(_unplanned(one))
                    continue
                notes += one.remarks
                found.append(_with_gates(told(one), one, before.options, now))
    except (InputError, Refused) as error:
        return Review(subject, before.called, notes=tuple(notes), broken=tuple(_broken(error)))
    met = {id(was) for _, was in wanted if was is not None}
    found += [_gone(one, subject) for one in plays_before if id(one) not in met]
    return Review(subject, before.called, tuple(found), tuple(notes))


def _with_gates(found: PlayReview, one: ComparedPlay, before: Options | None, now: Options) -> PlayReview:
    """Add what a branch does to what holds an environment, and who may sign."""
    was = one.before_environment
    if was is None or was.name != one.environment.name or before is None:
        return found
    then, here = (project_of(find_playbook(each.playbook)) for each in (before, now))
    told = list(gates.look(was, one.environment, then, here))
    file = Path(ENVIRONMENTS) / f"{one.environment.name}.yml"
    if now.untrusted and _content(then / file) != _content(here / file):
        told.append(gates.unread(one.environment, here / file))
    return replace(found, findings={**found.findings, SECURITY: tuple(ordered([*found.findings[SECURITY], *told]))})


def _pinned(plays: Sequence[Loaded], subject: str) -> list[str]:
    """Say which environments do not take a change of a step file yet."""
    return [
        f"{environment.name} pins {one.file}: nothing is run there until wgm-play promote {subject} --pins"
        for _, _, environment, playbook in plays
        for one in playbook.pins
        if not one.fits
    ]


def _subject(now: Options) -> str:
    """Return how the playbook is called: from the folder where this runs, wherever that is."""
    path = find_playbook(now.playbook)
    return path.name if path.is_absolute() else path.as_posix()


def _gone(one: Loaded, file: str) -> PlayReview:
    _, play, environment, playbook = one
    told = f"the play {play.name!r} goes: the database of {environment.name} stays as it is, and nothing looks after it"
    finding = Finding(
        "play_goes",
        WARNING,
        told,
        f"play {play.name}",
        environment.name,
        where=Position(file),
        source="review",
        remedy="keep the playbook, or take the alerts and backups of this database over elsewhere",
    )
    version, said_by = version_of(environment)
    nothing = Plan(playbook.path, play.name, environment.name, 0, "", "", "", ())
    return PlayReview(play.name, environment.name, version, version, said_by, nothing, {OTHER: (finding,)}, gone=True)


def _unplanned(one: UnplannedPlay) -> PlayReview:
    told = tuple(replace(found, message=f"{one.given}: {found.message}") for found in _broken(one.error))
    nothing = Plan("", one.play.name, one.environment.name, 0, "", "", "", ())
    return PlayReview(
        one.play.name,
        one.environment.name,
        one.version,
        one.version,
        one.said_by,
        nothing,
        {REFUSED: told},
        given=one.given,
    )


def _broken(error: WgmError) -> Iterator[Finding]:
    for one in error.problems if isinstance(error, Problems | Refusals) else (error,):
        details = () if one.private else one.details
        yield Finding(
            "error",
            ERROR,
            mask(one.message),
            attribute=mask(one.message),
            remedy=mask(one.hint or ""),
            evidence=tuple(map(mask, details)),
            where=one.where,
            source="review",
        )


# Branches beside this one ---------------------------------------------------------------------------------------


def _also(repository: Repository, name: str, ref: str, now: Options, base: BaseCommit) -> Also | None:
    """Return which objects of this branch's change another branch changes too."""
    tip = repository.commit(ref)
    began = repository.merge_base(tip, repository.commit(name))
    ours = _edited(repository, now, base.commit, None)
    theirs = _edited(repository, now, began, tip)
    both = sorted({str(key) for key in ours & theirs})
    return Also(ref, tuple(both)) if both else None


def _edited(repository: Repository, now: Options, before: str, after: str | None) -> set[Key]:
    """Return the objects of which steps say something else in one commit than in another, or than here."""
    old = _said(repository, now, before)
    new = _said(repository, now, after)
    return {bare(key) for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _said(repository: Repository, now: Options, commit: str | None) -> dict[Key, tuple[str, ...]]:
    if commit is None:
        return _of_plays(now)
    with _as_it_was(repository, commit, now) as options:
        return _of_plays(options) if options is not None else {}


def _of_plays(options: Options) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, tuple[str, ...]] = {}
    for _, play, environment, _ in with_placeholders(options)[0]:
        for key, text in fold(play.steps).said.items():
            found[key] = (*found.get(key, ()), f"{environment.name} {text}")
    return found
