"""Write values as YAML the way people write playbooks: one line where it fits, literal blocks for bodies.

In: mappings, lists and scalars in the order in which they shall stand. Out: lines of YAML that `playbook.load` reads
back as the same values, and that Jinja leaves as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

# As long as a line of a playbook may be; what is longer becomes a block.
WIDTH = 120
# Keys are padded so that values stand below each other, up to this width: one long name must not push all others away.
PAD = 32

_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"])
_PLAIN = re.compile(r"[A-Za-z_(/][^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*\Z")
_BREAKS_PLAIN = re.compile(r":(?:\s|\Z)| #|\s\Z")
_BREAKS_FLOW = re.compile(r"[,\[\]{}]|:(?![\w\"'(:])|\?")
_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
TEMPLATE = re.compile(r"\{[{%#]")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Lines(dict[str, Any]):
    """A mapping that always stands as a block, each entry on its own line, values below each other."""


class Block(dict[str, Any]):
    """A mapping that always stands as a block."""


class JinjaText(str):
    """A text that Jinja shall read: what stands in double braces is meant so."""

    __slots__ = ()


def literally(text: str) -> str:
    """Return a text that Jinja renders to `text`."""
    if not TEMPLATE.search(text):
        return text
    if "raw" not in text and "\r" not in text:
        return "{% raw %}" + text + "{% endraw %}"
    return re.sub(r"\{[{%#]|\r", lambda found: "{{ " + repr(found.group()) + " }}", text)


def scalar(value: Any, *, flow: bool, key: bool = False) -> str:
    """Return one value on one line."""
    if type(value) is str:
        return _text(value, flow, key)
    if isinstance(value, JinjaText):
        return quoted(str(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return _text(str(value), flow, key)


@functools.lru_cache(maxsize=50_000)
def _text(value: str, flow: bool, key: bool) -> str:
    """Return a text on one line; a database has the same words again and again."""
    text = value if key else literally(value)
    return text if _is_plain(text, flow=flow, key=key) else quoted(text)


def _is_plain(text: str, *, flow: bool, key: bool) -> bool:
    if key and text == "on":
        return True  # a playbook is YAML 1.2, where it is a word; it stands so in every grant
    if not _PLAIN.match(text) or text.lower() in _WORDS or _BREAKS_PLAIN.search(text):
        return False
    if key and (len(text) > 100 or ":" in text):
        return False
    return not (flow and _BREAKS_FLOW.search(text))


def quoted(text: str) -> str:
    """Return a text in quotes: single ones where that spares escapes."""
    if (
        "'" not in text
        and ("\\" in text or '"' in text)
        and "\n" not in text
        and "\t" not in text
        and not _SPECIAL.search(text)
    ):
        return f"'{text}'"
    made = "".join(_SHORT.get(one) or one for one in text)
    return '"' + _SPECIAL.sub(lambda found: _escape(found.group()), made) + '"'


def _escape(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def flow(value: Any) -> str:
    """Return a value in flow style, on one line."""
    if type(value) is str:
        return _text(value, True, False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key, flow=True, key=True)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return scalar(value, flow=True)


def _on_one_line(value: Any) -> str | None:
    """Return a value in flow style; None where it holds a text of several lines, or a mapping that wants a block."""
    kind = type(value)
    if kind is str:
        return None if "\n" in value and "\n" in value.strip("\n") else _text(value, True, False)
    if kind is dict:
        parts = []
        for key, one in value.items():
            text = _on_one_line(one)
            if text is None:
                return None
            parts.append(f"{scalar(key, flow=True, key=True)}: {text}")
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (Lines, Block)):
        return None
    if isinstance(value, (list, tuple)):
        parts = []
        for one in value:
            text = _on_one_line(one)
            if text is None:
                return None
            parts.append(text)
        return "[" + ", ".join(parts) + "]"
    if isinstance(value, str) and "\n" in value.strip("\n"):
        return None
    return flow(value)


def literal_block(text: str, indent: int) -> list[str] | None:
    """Return the header and the lines of a literal block, or None where YAML cannot hold the text so."""
    if not text.strip() or _SPECIAL.search(text) or "\r" in text:
        return None
    lead = "2" if text[0] in " \n\t" else ""
    body = text.rstrip("\n")
    end = len(text) - len(body)
    header = "|" + lead + ("-" if end == 0 else "" if end == 1 else "+")
    pad = " " * indent
    lines = [pad + line if line else "" for line in body.split("\n")]
    return [header, *lines, *[""] * (end - 1)]


_BETWEEN_WORDS = re.compile(r"(?<=[^ ]) (?=[^ ])")


def _folded(head: str, text: str, indent: int) -> list[str] | None:
    """Return a long text as a folded block, which YAML reads as one line; None where that cannot be."""
    if _SPECIAL.search(text) or "\t" in text or text != text.strip():
        return None
    pad = " " * (indent + 2)
    lines = [""]
    for word in _BETWEEN_WORDS.split(text):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if len(pad) + len(joined) <= WIDTH or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    return [f"{head} >-", *(pad + line for line in lines)] if len(lines) > 1 else None


def entry(head: str, value: Any, indent: int) -> list[str]:
    """Return `head` with a value after it: on its line where it fits, else below it. `indent` is that of `head`."""
    kind = type(value)
    if kind is str and "\n" not in value:
        line = f"{head} {_text(value, False, False)}"
        return [line] if len(line) <= WIDTH else _folded(head, literally(value), indent) or [line]
    if kind is bool:
        return [head + (" true" if value else " false")]
    if isinstance(value, str) and "\n" in value:
        block = literal_block(literally(value), indent + 2)
        if block is not None:
            return [f"{head} {block[0]}", *block[1:]]
    if isinstance(value, (dict, list, tuple)) and value:
        text = _on_one_line(value)
        if text is not None and len(head) + 1 + len(text) <= WIDTH:
            return [f"{head} {text}"]
        return [head.rstrip(), *block_of(value, indent + 2)]
    return [f"{head} {flow(value) if isinstance(value, (dict, list, tuple)) else scalar(value, flow=False)}"]


def block_of(value: Any, indent: int) -> list[str]:
    """Return the lines of a mapping or list as a block."""
    pad = " " * indent
    lines: list[str] = []
    if isinstance(value, dict):
        keys = {key: scalar(key, flow=False, key=True) + ":" for key in value}
        width = (
            max((len(one) for one in keys.values() if len(one) <= PAD), default=0) if isinstance(value, Lines) else 0
        )
        for key, one in value.items():
            lines += entry(pad + keys[key].ljust(width), one, indent)
        return lines
    for one in value:
        lines += _item(one, indent)
    return lines


def _item(value: Any, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(value, str):
        return entry(f"{pad}-", value, indent)
    if not isinstance(value, (dict, list, tuple)):
        return [f"{pad}- {scalar(value, flow=True)}"]
    text = _on_one_line(value)
    if text is not None and len(pad) + 2 + len(text) <= WIDTH:
        return [f"{pad}- {text}"]
    inner = block_of(value, indent + 2)
    inner[0] = f"{pad}- {inner[0].lstrip()}"
    return inner


def step(entries: Mapping[str, Any], indent: int = 0) -> list[str]:
    """Return the lines of one step: a list item whose first key is on the dash's line."""
    lines = block_of(entries, indent + 2)
    lines[0] = " " * indent + "- " + lines[0].lstrip()
    return lines


def comment(text: str, indent: int = 0) -> list[str]:
    """Return a text as YAML comments."""
    return [
        (" " * indent + "# " + re.sub(r"[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]", "?", line)).rstrip()
        for line in text.split("\n")
    ]


__all__ = ["Block", "Lines", "Sequence", "comment", "entry", "flow", "literally", "scalar", "step"]
