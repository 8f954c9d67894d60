"""Files as they were in git, read from the object store: nothing is checked out, no hook, filter or attribute is asked.

In: a folder, the name of a commit. Out: its merge base with what is checked out, and a private copy of the folder's files there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass

# What may lie in the environment and would lead git elsewhere than to the folder that it is asked about.
_LEADING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CEILING_DIRECTORIES",
)
_LINK, _FILE, _SUBMODULE = "120000", "100", "160000"
# What may be a playbook or an environment.
_PLAYBOOKS = (":(icase)*.yml", ":(icase)*.yaml")
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class BaseCommit:
    """The commit that a branch began at: its `name` as given, its hash, by how many commits the name has moved on since."""

    name: str
    commit: str
    behind: int

    @property
    def short(self) -> str:
        """The commit as people write it."""
        return self.commit[:10]


@dataclass(frozen=True, slots=True)
class BlameLine:
    """Who wrote a line: the commit ("" where it is not committed yet), its author, when, its subject."""

    commit: str
    author: str
    at: datetime | None
    subject: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository by its work tree."""

    root: Path

    @classmethod
    def of(cls, folder: Path) -> Repository:
        """Return the repository that a folder is in. Raise `InputError` where it is in none."""
        try:
            found = _git(folder, "rev-parse", "--show-toplevel")
        except InputError as error:
            if "dubious ownership" in error.message:
                raise
            raise InputError(
                f"{str(folder)!r} is in no git repository", hint="compare two playbooks: wgm-play diff OLD.yml NEW.yml"
            ) from error
        return cls(Path(found.rstrip("\n")))

    def base(self, name: str) -> BaseCommit:
        """Return where the branch that is checked out began, on its way from `name`. Raise `InputError`."""
        tip = self.commit(name)
        try:
            found = _git(self.root, "merge-base", "HEAD", tip).strip()
        except InputError as error:
            shallow = _git(self.root, "rev-parse", "--is-shallow-repository").strip() == "true"
            hint = (
                "git fetch --unshallow (in CI: fetch-depth: 0)" if shallow else "name a branch that this one began at"
            )
            raise InputError(f"HEAD and {name!r} have no commit in common", hint=hint) from error
        if found != tip and _git(self.root, "rev-parse", "--is-shallow-repository").strip() == "true":
            raise InputError(
                "this clone is shallow: where the branch began cannot be told",
                hint="git fetch --unshallow (in CI: fetch-depth: 0)",
            )
        behind = int(_git(self.root, "rev-list", "--count", f"{found}..{tip}"))
        return BaseCommit(name, found, behind)

    def merge_base(self, one: str, other: str) -> str:
        """Return the last commit that two have in common."""
        return _git(self.root, "merge-base", one, other).strip()

    def changed(self, base: BaseCommit) -> set[Path]:
        """Return the files that differ from a base, and those that git does not know yet; absolute."""
        named = _git(self.root, "diff", "--name-only", "--no-ext-diff", "--no-renames", "-z", base.commit, "--")
        new = _git(self.root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z")
        return {(self.root / name).resolve() for name in f"{named}{new}".split("\0") if name}

    def renamed(self, base: BaseCommit) -> dict[str, str]:
        """Return which files are called otherwise than in a base, with what they were called there, told to git or not."""
        compared = ("diff", "--name-status", "-z", "-M", "--diff-filter=R", "--no-ext-diff", "--no-textconv")
        new = _git(self.root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", *_PLAYBOOKS)
        if new:
            with TemporaryDirectory(prefix="wgm-index-") as folder:
                # An index of our own: that of the person does not learn of these files.
                index = Path(folder) / "index"
                with suppress(FileNotFoundError):
                    shutil.copyfile(self.root / _git(self.root, "rev-parse", "--git-path", "index").rstrip("\n"), index)
                added = ["--literal-pathspecs", "add", "-N", "--pathspec-from-file=-", "--pathspec-file-nul"]
                _run(self.root, added, os.fsencode(new), index)
                told = _git(self.root, *compared, base.commit, "--", index=index)
        else:
            told = _git(self.root, *compared, "--cached", base.commit, "--")
        words = iter(told.split("\0"))
        names = [(next(words, ""), next(words, "")) for state in words if state.startswith("R")]
        return {now: old for old, now in names}

    def holds(self, commit: str, path: str) -> bool:
        """Tell whether a commit has a file or a folder."""
        try:
            _git(self.root, "cat-file", "-e", f"{commit}:{path}")
        except InputError:
            return False
        return True

    def commit(self, name: str) -> str:
        """Return the hash of a commit by its name."""
        if name.startswith("-"):
            raise InputError(f"{name!r} is no name of a commit")
        for one in (f"refs/heads/{name}", name, f"origin/{name}"):  # a branch before a tag of its name
            try:
                return _git(
                    self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{one}^{{commit}}"
                ).strip()
            except InputError:
                continue
        near = _git(self.root, "for-each-ref", "--format=%(refname:short)", "--count=20", "refs/heads", "refs/remotes")
        raise InputError(
            f"git knows no commit {name!r}",
            hint=f"git fetch origin {name}, or name one of: {', '.join(near.split()) or 'there is no branch yet'}",
        )

    def inside(self, path: Path) -> str:
        """Return a path as the repository has it. Raise `InputError` for one outside."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            raise InputError(f"{str(path)!r} is outside of the repository {str(self.root)!r}") from None

    def copy(self, commit: str, folder: str, into: Path) -> None:
        """Write the files below a folder as a commit has them into the empty folder `into`, those of submodules too."""
        entries = list(self._listed(commit, folder))
        for mode, name, path in entries:
            if mode == _SUBMODULE and (self.root / path / ".git").exists():
                Repository(self.root / path).copy(name, ".", into.joinpath(*_parts(path, folder)))
        files = [one for one in entries if one[0] != _SUBMODULE]
        links: list[tuple[Path, bytes]] = []
        for (mode, path), content in zip(
            ((mode, path) for mode, _, path in files), self._contents([one for _, one, _ in files]), strict=True
        ):
            place = into.joinpath(*_parts(path, folder))
            if mode == _LINK:
                links.append((place, content))
                continue
            if content.startswith(_POINTER) and place.suffix in (".yml", ".yaml", ".csv", ".j2", ".sql"):
                raise InputError(
                    f"{path} is kept by git-lfs: its text is not in the object store",
                    hint="keep what playbooks read in git itself",
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        for place, content in links:  # last: nothing is written through one
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.fsdecode(content))

    def line(self, path: Path, number: int) -> BlameLine | None:
        """Return who wrote a line of a file, in which commit; None where git does not know the file."""
        try:
            told = _git(self.root, "blame", "--porcelain", "-L", f"{number},{number}", "--", self.inside(path))
        except InputError:
            return None
        head, *rest = told.splitlines()
        said = dict(line.partition(" ")[::2] for line in rest if not line.startswith("\t"))
        commit = head.split(" ")[0]
        if not commit.strip("0"):
            return BlameLine("", "", None, "")
        at = datetime.fromtimestamp(int(said.get("author-time", "0")), UTC)
        return BlameLine(commit, said.get("author", ""), at, said.get("summary", ""))

    def _listed(self, commit: str, folder: str) -> Iterator[tuple[str, str, str]]:
        where = [] if folder in ("", ".") else ["--", f"{folder}/"]
        text = _git(self.root, "ls-tree", "-r", "-z", "--full-tree", commit, *where)
        for entry in text.split("\0"):
            if entry:
                described, _, path = entry.partition("\t")
                mode, kind, name = described.split(" ")
                if mode == _SUBMODULE or (kind == "blob" and (mode == _LINK or mode.startswith(_FILE))):
                    yield mode, name, path

    def _contents(self, objects: Sequence[str]) -> Iterator[bytes]:
        if not objects:
            return
        given = "".join(f"{one}\n" for one in objects).encode()
        output = _run(self.root, ["cat-file", "--batch"], given)
        place = 0
        for one in objects:
            end = output.index(b"\n", place)
            words = output[place:end].split(b" ")
            if len(words) != 3 or words[1] != b"blob":
                raise InputError(f"git has no object {one}", hint="fetch the whole history: git fetch --unshallow")
            size = int(words[2])
            yield output[end + 1 : end + 1 + size]
            place = end + 2 + size


def _parts(path: str, folder: str) -> tuple[str, ...]:
    """Return the parts of a path below a folder. Raise `InputError` for what git itself would not check out."""
    parts = PurePosixPath(path).parts
    if any(part == ".." or part.lower() == ".git" or "\\" in part for part in parts) or path.startswith("/"):
        raise InputError(f"the repository holds the path {path!r}, which is not used")
    return parts[len(PurePosixPath(folder).parts) :]


def _git(folder: Path, *words: str, index: Path | None = None) -> str:
    return os.fsdecode(_run(folder, list(words), b"", index))


def _run(folder: Path, words: Sequence[str], given: bytes, index: Path | None = None) -> bytes:
    environ = {name: value for name, value in os.environ.items() if name not in _LEADING}
    environ |= {"GIT_INDEX_FILE": str(index)} if index is not None else {}
    environ |= {"LC_ALL": "C", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words],
            input=given,
            capture_output=True,
            check=False,
            env=environ,
        )
    except FileNotFoundError as error:
        raise InputError(
            "there is no git on the PATH", hint="install git, or compare two files: wgm-play diff A B"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        if any("promisor remote" in line or "lazy fetching" in line for line in said):
            raise InputError(
                "this clone has not got all files of its commits (it was made with --filter), and nothing is fetched here",
                hint="git fetch --refetch --no-filter, or clone without --filter",
            )
        raise InputError(f"git: {said[0] if said else 'failed'}", details=said[1:4])
    return done.stdout
