"""Which git revision the files of a playbook are, whether they were edited since, and what changed between two revisions.

In: the files that were read. Out: `KnownRevision`. Where there is no repository, the revision comes from `--revision` or from the variable
that a CI system sets. Nothing of the repository's own configuration is run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass

# The commit of a job, by the system that sets it: GitHub, GitLab, Jenkins, CircleCI, Buildkite, Bitbucket, Azure, Drone, Travis.
VARIABLES = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "CIRCLE_SHA1",
    "BUILDKITE_COMMIT",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "DRONE_COMMIT_SHA",
    "TRAVIS_COMMIT",
)
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
# A repository's own settings may name programs: these are not run.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat", "-c", "diff.external=")
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv")
# More paths than this are not given to git by name: the answer is searched instead.
_PATHS = 400
# A repository that answers slower than this is none to wait for.
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class KnownRevision:
    """The revision of the files of a playbook: `commit` is None where it is not known, `why` says why then.

    `dirty` are tracked files of the playbook that were edited since; `top` is the repository's folder.
    """

    commit: str | None
    source: str
    dirty: tuple[str, ...] = ()
    top: Path | None = None
    why: str = ""

    @property
    def shown(self) -> str:
        """The commit as people name it."""
        return short(self.commit)


def short(commit: str | None) -> str:
    """Return a commit as people name it."""
    return commit[:12] if commit else "an unknown revision"


def known(files: Iterable[str], folder: Path, given: str | None = None) -> KnownRevision:
    """Return which revision `files` are, of the repository that `folder` is in; `given` is what `--revision` says."""
    top = top_of(folder)
    if top is None:
        return _without_git(given, "there is no git repository here")
    try:
        commit = _git(top, "rev-parse", "--verify", "HEAD^{commit}").strip()
    except GitError as error:
        return _without_git(given, str(error))
    if given is not None and not commit.startswith(given.lower()):
        raise InputError(
            f"--revision says {given}, the files are those of {short(commit)}",
            hint="leave --revision out where the repository is there",
        )
    try:
        return KnownRevision(commit, "git", tuple(_changed(top, ["HEAD"], files)), top)
    except GitError as error:
        return KnownRevision(None, "none", why=f"git cannot tell whether files were edited: {error}")


def _without_git(given: str | None, why: str) -> KnownRevision:
    named = [("--revision", given)] if given else [(name, os.environ.get(name)) for name in VARIABLES]
    for source, value in named:
        if value and _COMMIT.match(value.lower()):
            return KnownRevision(value.lower(), source)
        if value and source == "--revision":
            raise InputError(
                f"--revision {value!r} is no commit", hint="give the hash, as `git rev-parse HEAD` prints it"
            )
    return KnownRevision(None, "none", why=why)


class GitError(Exception):
    """Git could not answer: what it said."""


class NotFetched(GitError):
    """A commit is not in this clone."""


def top_of(folder: Path) -> Path | None:
    """Return the root of the repository that a folder is in; of a worktree or a submodule, its own."""
    here = Path(os.path.realpath(folder))
    return next((one for one in (here, *here.parents) if (one / ".git").exists()), None)


def _git(top: Path, *words: str) -> str:
    # Hooks and wrappers set GIT_DIR and its like for their own repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *_SAFE, "-C", str(top), *words], env=environ, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise GitError("there is a repository, but no program `git` on the PATH") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git did not answer within {_SECONDS}s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(said[0].removeprefix("fatal: ") if said else f"git {words[0]} failed")
    return done.stdout.decode(errors="surrogateescape")


def is_committed(file: Path) -> bool:
    """Tell whether a file is as its repository has it; one outside of any is."""
    top = top_of(file.parent)
    if top is None:
        return True
    inside = os.path.relpath(os.path.realpath(file), top)
    words = ("--porcelain", "--ignored", "--untracked-files=all", "-z", "--", f":(literal){inside}")
    return not _git(top, "status", *words)


def _inside(top: Path, files: Iterable[str]) -> list[str]:
    """Return files and folders as a repository names them; what lies in a submodule, as the submodule."""
    found = set()
    for one in {os.path.realpath(one) for one in files}:
        if Path(one).is_relative_to(top):
            own = top_of(Path(one).parent) or top
            found.add(os.path.relpath(own if own != top and own.is_relative_to(top) else one, top))
    return sorted(found)


def outside(top: Path, files: Iterable[str]) -> list[str]:
    """Return the files of which a repository knows nothing, because they lie elsewhere."""
    return sorted({one for one in files if not Path(os.path.realpath(one)).is_relative_to(top)})


def _paths(inside: Sequence[str]) -> list[str]:
    """Return what narrows a command of git to these; of too many nothing, and the answer is searched instead."""
    return ["--", *(f":(literal){one}" for one in inside)] if len(inside) <= _PATHS else []


def _is_of(name: str, inside: Collection[str]) -> bool:
    return name in inside or any(str(folder) in inside for folder in PurePosixPath(name).parents)


def _changed(top: Path, between: Sequence[str], files: Iterable[str]) -> list[str]:
    """Return which of `files` differ between two trees, or between one and what lies there; as git names them."""
    inside = _inside(top, files)
    if not inside:
        return []
    words = ("--name-only", *_PLAIN_DIFF, "--no-renames", "--ignore-submodules=none", "-z")
    said = _git(top, "diff", *words, *between, *_paths(inside))
    return sorted({one for one in said.split("\0") if one and _is_of(one, set(inside))})


def changed_between(top: Path, one: str, other: str, files: Iterable[str]) -> list[str]:
    """Return which of `files` differ between two commits. Raise `NotFetched` for one that is not in this clone."""
    for commit in (one, other):
        try:
            _git(top, "cat-file", "-e", f"{commit}^{{commit}}")
        except GitError as error:
            raise NotFetched(commit) from error
    return _changed(top, [one, other], files)


def changed_below(top: Path, one: str, other: str, folder: Path) -> list[str]:
    """Return which files of a project's folder differ between two commits, but for its environments."""
    below = os.path.relpath(os.path.realpath(folder), top)
    words = ("--name-only", *_PLAIN_DIFF, "--no-renames", "-z")
    names = _git(top, "diff", *words, one, other, "--", f":(literal){below}")
    environments = "environments/" if below == "." else f"{below}/environments/"
    return sorted(name for name in names.split("\0") if name and not name.startswith(environments))


def fetch_hint(top: Path, commit: str) -> str:
    """Return the command that brings a commit into this clone."""
    return f"git fetch {'--unshallow' if _is_shallow(top) else f'origin {commit}'}"


def _is_shallow(top: Path) -> bool:
    try:
        return _git(top, "rev-parse", "--is-shallow-repository").strip() == "true"
    except GitError:
        return False


# Who wrote and who committed it, as they said and as .mailmap says; who is named beside them. A merge is written by whoever had to
# change something in it by hand: who presses the button reviews it.
_PEOPLE = (
    "--format=%x01%an%x00%ae%x00%cn%x00%ce%x00%aN%x00%aE%x00%cN%x00%cE%x00"
    "%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x00)"
)


def people_since(top: Path, since: str | None, until: str, files: Iterable[str]) -> set[str]:
    """Return names and addresses of who wrote or committed changes of `files` after `since`, up to `until`; also under older names.

    Without a `since` that differs it is the last commit alone. Where that is not in this clone, it is all of their history; raise `NotFetched` where
    the clone has not got all of it.
    """
    if since in (None, until):
        return _people(top, ["-n", "1", until, *_paths(_inside(top, files))])
    try:
        _git(top, "cat-file", "-e", f"{since}^{{commit}}")
        span = f"{since}..{until}"
    except GitError:
        span = until
    # The oldest commits of a shallow clone look as if they had no parents.
    if _is_shallow(top) and _git(top, "rev-list", "--max-count=1", "--max-parents=0", span).strip():
        raise NotFetched(since)
    paths = _paths(_older_names(top, span, _inside(top, files)))
    found = _people(top, ["--full-history", "--no-merges", span, *paths])
    by_hand = ("--merges", "--remerge-diff", "--name-only")
    try:
        return found | _people(top, ["--full-history", *by_hand, span, *paths], changing=True)
    except GitError:  # before git 2.35: whoever merged what two changed is taken for somebody who wrote it
        return found | _people(top, ["--merges", span, *paths])


def _people(top: Path, words: Sequence[str], *, changing: bool = False) -> set[str]:
    """Return who is named by commits; of those alone that are followed by names of files, where `changing` is asked for."""
    told = [one.partition("\n") for one in _git(top, "log", *_PLAIN_DIFF, _PEOPLE, *words).split("\x01")]
    words_of = {
        word.strip() for people, _, names in told if names.strip() or not changing for word in people.split("\0")
    }
    return {part for word in words_of for part in _name_and_address(word)} - {""}


def _older_names(top: Path, span: str, inside: Sequence[str]) -> list[str]:
    """Return files with the names that they had before they were renamed within a span of commits."""
    words = ("--format=", "--name-status", "-z", "--diff-filter=R", "-M", "--topo-order", *_PLAIN_DIFF)
    told = iter(_git(top, "log", *words, span).split("\0"))
    names = set(inside)
    for state in told:
        if state.strip().startswith("R"):
            old, new = next(told, ""), next(told, "")
            if _is_of(new, names):
                names.add(old)
    return sorted(names)


def _name_and_address(word: str) -> tuple[str, ...]:
    """Return name and address of `Ben <ben@shop.example>`, or the word itself."""
    name, bracket, address = word.partition("<")
    return (name.strip(), address.rstrip("> ")) if bracket else (word,)


def file_of(top: Path, commit: str, file: Path) -> str | None:
    """Return what a file was in a commit; None where that has none, or is not in this clone."""
    inside = os.path.relpath(os.path.realpath(file), top)
    try:
        return _git(top, "cat-file", "blob", f"{commit}:{inside}")
    except GitError:
        return None


def author(folder: Path) -> dict[str, str]:
    """Return name and address that commits of this repository would have; nothing where there is none."""
    top = top_of(folder)
    found: dict[str, str] = {}
    for key, name in (("name", "user.name"), ("email", "user.email")):
        if top is not None:
            try:
                found[key] = _git(top, "config", "--get", name).strip()
            except GitError:
                continue
    return found
