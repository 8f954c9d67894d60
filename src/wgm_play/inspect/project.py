"""A project from described objects: a playbook with its backup policy, files of steps, an environment, a README.

In: `Inspected`, how it is split. Out: texts by their paths.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from wgm_play.inspect import emit
from wgm_play.inspect.document import by_kind, head
from wgm_play.inspect.entry import Entry, Inspected
from wgm_play.inspect.options import KIND
from wgm_play.inspect.pattern import with_loops, with_owner
from wgm_play.inspect.split import split
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted

# From this size on a dump before each change takes too long; a younger one serves.
_LARGE = 20 * 2**30
_SHOWN = 8

ENVIRONMENT = """\
# The URL comes from the environment variable, so no password lies in this file.
url: "{{ env.DATABASE_URL }}"
"""


@dataclass(frozen=True, slots=True)
class About:
    """What a project is called, and how large its database is, in bytes."""

    name: str
    environment: str
    size: int = 0


def project(said: Inspected, about: About, how: str) -> dict[str, str]:
    """Return the files of a project."""
    owner = with_owner(said.entries)
    if how != KIND:
        said.entries = with_loops(said.entries, {"grant"})
    files = {name: with_loops(steps) for name, steps in (by_kind(said) if how == KIND else split(said, how)).items()}
    made = {
        f"playbooks/schema/{name}.yml": "\n\n".join("\n".join(emit.step(one.step())) for one in steps) + "\n"
        for name, steps in files.items()
    }
    made[f"playbooks/{about.environment}.yml"] = _playbook(said, about, list(files), owner)
    made[f"environments/{about.environment}.yml"] = ENVIRONMENT
    made["README.md"] = _readme(said, about, files)
    return made


def _playbook(said: Inspected, about: About, names: Sequence[str], owner: str | None) -> str:
    play: dict[str, Any] = emit.Block(name=about.name, hosts=about.environment)
    if owner is not None:
        play["vars"] = {"owner": owner}
    large = about.size >= _LARGE
    play["backup"] = emit.Block(
        before_changes="young" if large else "new",
        method="logical",
        **({"max_age": "24h"} if large else {}),
        retention={"full": 7},
        verify="catalog",
    )
    play["steps"] = emit.Block()
    lines = emit.step(play)
    lines[-1:] = (
        ["  steps:", *(f"    - import_steps: schema/{name}.yml" for name in names)] if names else ["  steps: []"]
    )
    return "\n".join([*head(said), *lines, ""])


def _readme(said: Inspected, about: About, files: Mapping[str, list[Entry]]) -> str:
    name, playbook = about.name, f"{about.environment}.yml"
    text = [
        f"# {name}",
        "",
        f"`playbooks/{playbook}` declares the database {name}; the steps lie in `playbooks/schema/`:",
        "",
        *(_item(file, steps) for file, steps in files.items()),
        "",
        "```sh",
        "export DATABASE_URL=postgresql://USER@HOST/DATABASE",
        f"wgm-play {playbook} --check --diff     # what a run would change: nothing, for now",
        f"wgm-play {playbook}                    # make it so",
        f"wgm-play inspect --update {playbook}   # somebody changed the database by hand: bring that in",
        "```",
        "",
        f"`wgm-play backup {playbook}` makes a backup as `backup:` says; `wgm-play doc adopt` tells the rest.",
    ]
    if said.unsaid:
        text += ["", "No step says:", "", *(f"- {one.splitlines()[0]}" for one in said.unsaid)]
    return "\n".join(line for one in text for line in _wrapped(one)) + "\n"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) or [""]


def _item(file: str, steps: Sequence[Entry]) -> str:
    tables = [one.key.label for one in steps if one.kind == "table"]
    if not tables:
        return f"- `{file}.yml`: {counted(len(steps), 'step')}"
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    return f"- `{file}.yml`: {', '.join(tables[:_SHOWN])}{more}"
