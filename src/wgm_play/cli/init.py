"""`wgm-play init DIR`: a new project that works at once; `--ci`: the jobs of a CI server.

In: the name of a folder. Out: environments, playbooks that teach, a README; workflows. Nothing is overwritten.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from wgm_play import __version__
from wgm_play.environment import FOLDER as ENVIRONMENTS
from wgm_play.environment_keys import document
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

# A file that would be hidden among the templates lies there under a name that is seen.
NAMES = {"gitignore": ".gitignore"}


# What others have their own parts in: left as it is where it is there.
SHARED = (".pre-commit-config.yaml", ".gitlab-ci.yml")


def run(reporter: Reporter, *, folder: str, ci: str | None = None, verbosity: int = 0) -> int:
    """Write the files of a project; raise `InputError` where one of them exists.

    With `ci`, add the jobs of a CI server, to a new project or to one that is there.
    """
    root = Path(folder)
    there = ci is not None and (root / ENVIRONMENTS).is_dir()
    files = {} if there else {root / name: text for name, text in _files().items()}
    # A CI server reads jobs from the root of the repository alone.
    top = _top(root) or root
    jobs = {} if ci is None else _jobs(ci, root, top)
    kept = [name for name in SHARED if name in jobs and (top / name).exists()]
    files |= {top / name: text for name, text in jobs.items() if name not in kept}
    _refuse_overwriting(root, list(files))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    reporter.begin(None)
    reporter.data("files", [str(path) for path in files])
    here = "" if root.resolve() == Path.cwd() else f"cd {folder} && "
    following = (
        "git add, commit and push them: `wgm-play doc review` tells what they do"
        if there
        else f"{here}wgm-play development.yml"
    )
    reporter.note(f"{len(files)} files {'here' if folder == '.' else f'in {folder}'}. Next: {following}")
    for name in kept:
        reporter.note(f"{name} is yours and is left as it is; add to it what is below\n\n{jobs[name]}")
    if jobs and top.resolve() != root.resolve():
        reporter.note(f"the jobs are in {top}, where the repository begins: a CI server reads them there alone")
    return 0


# The files of each CI server: where they lie among the templates, and in a project.
_JOBS = {
    "github": {
        "github/wgm-review.yml": ".github/workflows/wgm-review.yml",
        "github/wgm-comment.yml": ".github/workflows/wgm-comment.yml",
        "github/wgm-drift.yml": ".github/workflows/wgm-drift.yml",
        "github/wgm-promote.yml": ".github/workflows/wgm-promote.yml",
        "pre-commit-config.yml": ".pre-commit-config.yaml",
    },
    "gitlab": {
        "gitlab/wgm-play.yml": ".gitlab/wgm-play.yml",
        "gitlab/gitlab-ci.yml": ".gitlab-ci.yml",
        "pre-commit-config.yml": ".pre-commit-config.yaml",
    },
}


def _git(root: Path, *words: str) -> str:
    """Return what git says of a folder, or of the one that will hold it; empty where it says nothing."""
    folder = next(one for one in (root.absolute(), *root.absolute().parents) if one.is_dir())
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _top(root: Path) -> Path | None:
    """Return the folder of the repository that a project lies in."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return Path(top).resolve() if top else None


def _branch(root: Path) -> str:
    """Return the branch that is merged into: the remote's, else the first of the usual names that is there."""
    remote = _git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    usual = (
        one for one in ("main", "master", "trunk") if _git(root, "rev-parse", "-q", "--verify", f"refs/heads/{one}")
    )
    return remote or next(usual, "main")


def _jobs(ci: str, root: Path, top: Path) -> dict[str, str]:
    """Return the texts of a CI server's files by their paths in the repository, which may hold other projects beside this one."""
    from wgm_play.plain_templates import packaged_templates

    texts, folder = packaged_templates() / "ci", _folder(root, top)
    dashed = re.sub(r"[^A-Za-z0-9]+", "-", f"-{folder}") if folder else ""
    words = {
        "VERSION": __version__,
        "BRANCH": _branch(root),
        "FOLDER": folder,
        "BELOW": f"{folder}/" if folder else "",
        "DASHED": dashed,
        "OF": f" of {folder}" if folder else "",
        "CD": f"cd {folder} && " if folder else "",
    }

    def text(name: str) -> str:
        said = (texts / name).read_text(encoding="utf-8")
        # What only a project below the root needs is not said of others.
        said = said if folder else re.sub(r"(?m)^.*@FOLDER@.*\n", "", said)
        return re.sub("@([A-Z]+)@", lambda match: words[match[1]], said)

    own = {name: place.replace("wgm-play.yml", f"wgm-play{dashed}.yml") for name, place in _JOBS[ci].items()}
    own |= {name: place.replace(".yml", f"{dashed}.yml") for name, place in own.items() if "/workflows/" in place}
    return {place: text(name) for name, place in own.items()}


def _folder(root: Path, top: Path) -> str:
    """Return where a project lies in its repository, empty at the root. Raise `InputError` where jobs cannot name it."""
    folder = Path(os.path.relpath(root.resolve(), top.resolve())).as_posix()
    if not re.fullmatch(r"[\w./+-]+", folder):
        raise InputError(
            f"no jobs can be written for a project in {folder!r}",
            hint="let its folder have letters, digits and any of ./+- in its name; nothing was written",
        )
    return "" if folder == "." else folder


def _files() -> dict[str, str]:
    """Return the texts of a new project by their paths in it."""
    from wgm_play.plain_templates import packaged_templates

    root = packaged_templates() / "init"
    found = sorted(path for path in root.rglob("*") if path.is_file())
    made = {
        str(path.relative_to(root).with_name(NAMES.get(path.name, path.name))): path.read_text(encoding="utf-8")
        for path in found
    }
    return made | _for_editors()


def _for_editors() -> dict[str, str]:
    """Return what lets an editor complete and check the files: schemas, and where VS Code finds them."""
    from wgm_play.playbook.exported import exported
    from wgm_play.playbook.validate import schema

    subjects = {"playbook": (schema(), "playbooks/**/*.yml"), "environment": (document(), "environments/*.yml")}
    names = {subject: f".vscode/{subject}.schema.json" for subject in subjects}
    settings = {"yaml.schemas": {names[subject]: [files] for subject, (_, files) in subjects.items()}}
    made = {names[subject]: json.dumps(exported(found), ensure_ascii=False) for subject, (found, _) in subjects.items()}
    return {".vscode/settings.json": json.dumps(settings, indent=2), **made}


def _refuse_overwriting(root: Path, files: list[Path]) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{str(root)!r} is a file", hint="name a new folder")
    there = [os.path.relpath(path, root) for path in files if path.exists()]
    if there:
        raise InputError(
            f"{str(root)!r} holds a project already: {there[0]}",
            hint="name a new folder, or take the file away; nothing was written",
            details=[f"{name} exists" for name in there[1:]],
        )
