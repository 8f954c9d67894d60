"""`wgm-play init DIR`: a new project that works at once.

In: the name of a new or empty folder. Out: environments, playbooks that teach, a README. Nothing is overwritten.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

# A file that would be hidden among the templates lies there under a name that is seen.
NAMES = {"gitignore": ".gitignore"}


def run(reporter: Reporter, *, folder: str, verbosity: int) -> int:
    """Write the files of a project; raise `InputError` where one of them exists."""
    root = Path(folder)
    files = _files()
    _refuse_overwriting(root, list(files))
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    reporter.begin(None)
    reporter.data("files", [str(root / name) for name in files])
    here = "" if root.resolve() == Path.cwd() else f"cd {folder} && "
    reporter.note(f"{len(files)} files in {folder}. Next: {here}wgm-play development.yml")
    return 0


def _files() -> dict[str, str]:
    """Return the texts of a new project by their paths in it."""
    from wgm_play.plain import packaged_templates

    root = packaged_templates() / "init"
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root).with_name(NAMES.get(path.name, path.name))): path.read_text(encoding="utf-8")
        for path in found
    }


def _refuse_overwriting(root: Path, names: list[str]) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{str(root)!r} is a file", hint="name a new folder")
    there = [name for name in names if (root / name).exists()]
    if there:
        raise InputError(
            f"{str(root)!r} holds a project already: {there[0]}",
            hint="name a new folder; nothing was written",
            details=[f"{name} exists" for name in there[1:]],
        )
