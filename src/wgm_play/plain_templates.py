"""Templates of ours that print no value, read without Jinja, which takes longer to load than a run with nothing to do takes.

In: a template's name, a server version (as 150004). Out: its text. Of Jinja it knows comments, `include`, and `if version >=`;
a test compares both for each template that is read so.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

# A tag alone on its line goes with it, as by Jinja's trim_blocks and lstrip_blocks.
_TAG = re.compile(r"(?:(?<=\n)|\A)[ \t]*(\{%.*?%\}|\{#.*?#\})\n?|(\{%.*?%\}|\{#.*?#\})\n?", re.DOTALL)
_INCLUDE = re.compile(r"\{% include ['\"]([\w/.]+)['\"] %\}\Z")
_CONDITION = re.compile(r"\{% (?:el)?if version >= (\d+) %\}\Z")


def packaged_templates() -> Path:
    """Return the folder of our own templates: the wheel's, or the checkout's for an editable install."""
    packaged = Path(__file__).parent / "templates"
    return packaged if packaged.is_dir() else Path(__file__).parents[1].parent / "templates"


@functools.lru_cache(maxsize=256)
def text(name: str, version: int) -> str:
    """Return the text of `templates/NAME` for a server version. Raise `ValueError` for one that prints a value."""
    return _read(name, version).strip()


def _read(name: str, version: int) -> str:
    source = (packaged_templates() / name).read_text(encoding="utf-8").removesuffix("\n")
    if "{{" in source:
        raise ValueError(f"{name} prints a value")
    pieces: list[str] = []
    # For each `if` around: whether this branch holds, and whether one of its branches did.
    branches: list[tuple[bool, bool]] = []
    last = 0
    for found in _TAG.finditer(source):
        if all(holds for holds, _ in branches):
            pieces.append(source[last : found.start()])
        last = found.end()
        tag = found.group(1) or found.group(2)
        if tag.startswith("{#"):
            if tag.endswith("-#}"):
                last += len(source[last:]) - len(source[last:].lstrip())
        elif tag == "{% endif %}":
            branches.pop()
        elif tag == "{% else %}":
            branches.append((not branches.pop()[1], True))
        elif condition := _CONDITION.match(tag):
            before = branches.pop()[1] if tag.startswith("{% el") else False
            holds = not before and version >= int(condition.group(1))
            branches.append((holds, before or holds))
        elif included := _INCLUDE.match(tag):
            if all(holds for holds, _ in branches):
                pieces.append(_read(included.group(1), version))
        else:
            raise ValueError(f"{name} holds {tag}")
    pieces.append(source[last:])
    return "".join(pieces)
