"""An untrusted playbook: what its checkout brings along is not used.

In: the options of a command, the project of its playbook. Out: nothing, or the refusal. The command line or WGM_UNTRUSTED=1 says
that a playbook is untrusted; no file says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.errors import InputError

if TYPE_CHECKING:
    from wgm_play.options import Options

VARIABLE = "WGM_UNTRUSTED"


def said() -> bool:
    """Tell whether the process environment says that playbooks are untrusted."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def refuse_own_environments(options: Options, project: Path) -> None:
    """Refuse environments that lie in the checkout of an untrusted playbook. Raise `InputError`."""
    if not options.untrusted:
        return
    hint = "-i DIR: a folder of environment files outside of the checkout"
    if options.inventory is None:
        raise InputError("the environments of an untrusted playbook are not used", hint=hint)
    folder, checkout = Path(options.inventory).resolve(), _checkout(project.resolve())
    if folder == checkout or checkout in folder.parents:
        raise InputError(
            f"the environments in {options.inventory!r} are in the checkout of an untrusted playbook", hint=hint
        )


def refuse_run(options: Options, done: str = "", hint: str = "add --check") -> None:
    """Refuse to do more with an untrusted playbook than to look at it: to run it, or what is `done`. Raise `InputError`."""
    if options.untrusted:
        raise InputError("an untrusted playbook is only looked at" + (f", not {done}" if done else ""), hint=hint)


def environ_of(options: Options, environ: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return the process environment that a playbook may read: of an untrusted one, what `--env` lists."""
    if not options.untrusted:
        return environ
    known = os.environ if environ is None else environ
    return {name: known[name] for name in options.env if name in known}


def _checkout(project: Path) -> Path:
    """Return the folder that was checked out: the repository above a project, or the project."""
    return next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), project)
