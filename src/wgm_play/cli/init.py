"""`wgm-play init DIR`: a new project that works at once.

In: the name of a new or empty folder. Out: environments, playbooks that teach, a README. Nothing is overwritten.
"""

from __future__ import annotations

import json
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
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
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
    made = {
        str(path.relative_to(root).with_name(NAMES.get(path.name, path.name))): path.read_text(encoding="utf-8")
        for path in found
    }
    return made | _for_editors()


def _for_editors() -> dict[str, str]:
    """Return what lets an editor complete and check the files: schemas, and where VS Code finds them."""
    from wgm_play.environment_keys import document
    from wgm_play.playbook.exported import exported
    from wgm_play.playbook.validate import schema

    subjects = {"playbook": (schema(), "playbooks/**/*.yml"), "environment": (document(), "environments/*.yml")}
    names = {subject: f".vscode/{subject}.schema.json" for subject in subjects}
    settings = {"yaml.schemas": {names[subject]: [files] for subject, (_, files) in subjects.items()}}
    made = {names[subject]: json.dumps(exported(found), ensure_ascii=False) for subject, (found, _) in subjects.items()}
    return {".vscode/settings.json": json.dumps(settings, indent=2), **made}


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
