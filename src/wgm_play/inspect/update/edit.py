"""Change one value of a YAML text: every byte outside of it stays.

In: the text of a file, an address, a value. Out: the new text. Raises `Unplaced` where a template, an anchor that is
repeated, or a text that is no mapping is in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from wgm_play.document.spans import Address, YamlNode, aliased, at, parse
from wgm_play.inspect import emit

# What Jinja reads.
TEMPLATES = ("{{", "{%", "{#")


class Unplaced(Exception):
    """A value that cannot be changed by changing its line."""


def put(text: str, address: Address, value: Any, order: Sequence[str] = ()) -> str:
    """Set the value at an address; `order` are the keys beside it as they usually stand."""
    root = parse(text)
    _refuse_shared(root, address)
    node = at(root, address)
    if node is None:
        return _add(text, root, address, value, order)
    if node.kind == "alias":
        return _spliced(text, node.start, node.end, emit.flow(value))
    _refuse_template(text, node)
    if isinstance(value, (list, tuple)) and node.kind == "seq":
        return _items(text, root, address, node, list(value))
    if isinstance(value, Mapping) or node.kind in ("map", "seq"):
        return _whole(text, root, address, node, value)
    return _spliced(text, node.inner, node.end, _scalar(text, root, address, node, value))


def remove(text: str, address: Address) -> str:
    """Take an entry or an item away, with its line where it has one of its own."""
    root = parse(text)
    _refuse_shared(root, address)
    parent, node = at(root, address[:-1]), at(root, address)
    if parent is None or node is None:
        raise Unplaced("it is not there")
    if node.kind != "alias":
        _refuse_template(text, node)
    number = address[-1] if isinstance(address[-1], int) else parent.place(address[-1]) or 0
    starts = [one.start for one in (parent.keys or parent.values)]
    if parent.flow:
        return _out_of_flow(text, parent, starts, number)
    return _out_of_block(text, parent, starts, number)


def rename(text: str, address: Address, name: str) -> str:
    """Give a key another name."""
    root = parse(text)
    _refuse_shared(root, address)
    parent = at(root, address[:-1])
    number = parent.place(str(address[-1])) if parent is not None else None
    if parent is None or number is None:
        raise Unplaced("it is not there")
    key, value = parent.keys[number], parent.values[number]
    new = emit.scalar(name, flow=parent.flow, key=True)
    gap = text[key.end : value.start]
    if not parent.flow and gap.startswith(":") and not gap[1:].strip(" ") and "\n" not in gap and len(gap) > 2:
        gap = ":" + " " * max(1, len(gap) - 1 + (key.end - key.start) - len(new))  # values stay below each other
    return text[: key.start] + new + gap + text[value.start :]


def holds_template(text: str) -> bool:
    """Tell whether Jinja reads something in a text."""
    return any(mark in text for mark in TEMPLATES)


# What is refused ----------------------------------------------------------------------------------------------


def _refuse_shared(root: YamlNode, address: Address) -> None:
    """Refuse what others repeat by an alias, and what lies in an alias."""
    repeated = aliased(root)
    node: YamlNode | None = root
    for number, step in enumerate(address):
        if node is None:
            return
        if node.kind == "alias":
            raise Unplaced(f"it is repeated by the alias *{node.anchor}")
        if node.anchor in repeated:
            raise Unplaced(f"the anchor &{node.anchor} is repeated elsewhere")
        node = node.child(step)
        last = number == len(address) - 1
        if last and node is not None and node.kind != "alias" and any(one.anchor in repeated for one in node.below()):
            raise Unplaced("an anchor in it is repeated elsewhere")


def _refuse_template(text: str, node: YamlNode) -> None:
    if holds_template(text[node.inner : node.end]):
        raise Unplaced("a template says it")


# Values -------------------------------------------------------------------------------------------------------


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent_at(text: str, place: int) -> int:
    """Return the column of a place."""
    return place - (text.rfind("\n", 0, place) + 1)


def _in_flow(root: YamlNode, address: Address) -> bool:
    node: YamlNode | None = root
    for step in address:
        if node is None:
            return False
        if node.flow:
            return True
        node = node.child(step)
    return False


def _lines(text: str, lines: Sequence[str]) -> str:
    return _break(text).join(lines)


def _scalar(text: str, root: YamlNode, address: Address, node: YamlNode, value: Any) -> str:
    """Return a scalar, in the style of the one before where it can be."""
    flow = _in_flow(root, address)
    if isinstance(value, str) and not flow and (node.style in ("|", ">") or "\n" in value):
        block = emit.literal_block(emit.literally(value), _body_indent(text, root, address, node))
        if block is not None:
            return _lines(text, block)
    if isinstance(value, str) and node.style in ("'", '"') and not holds_template(value) and value.isprintable():
        if node.style == "'":
            return "'" + value.replace("'", "''") + "'"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return emit.scalar(value, flow=flow)


def _body_indent(text: str, root: YamlNode, address: Address, node: YamlNode) -> int:
    """Return the column at which the lines of a block scalar stand."""
    if node.style in ("|", ">"):
        for line in text[node.inner : node.end].split("\n")[1:]:
            if line.strip():
                return len(line) - len(line.lstrip(" "))
    parent = at(root, address[:-1])
    return (parent.column if parent is not None else 0) + 2


def _whole(text: str, root: YamlNode, address: Address, node: YamlNode, value: Any) -> str:
    """Put a value in the place of one of another shape."""
    if _in_flow(root, address) or node.flow or node.kind == "scalar":
        return _spliced(text, node.inner, node.end, emit.flow(value))
    if not isinstance(value, (Mapping, list, tuple)) or not value:
        written = emit.scalar(value, flow=False) if not isinstance(value, (Mapping, list, tuple)) else emit.flow(value)
        parent = at(root, address[:-1])
        number = parent.place(str(address[-1])) if parent is not None and parent.kind == "map" else None
        if parent is None or number is None:
            return _spliced(text, node.start, node.end, written)
        return _spliced(text, parent.keys[number].end, node.end, f": {written}")
    lines = emit.block_of(value, node.column)
    lines[0] = lines[0].lstrip()
    return _spliced(text, node.start, node.end, _lines(text, lines))


def _items(text: str, root: YamlNode, address: Address, node: YamlNode, value: list[Any]) -> str:
    """Change the items of a list that differ, from the last to the first."""
    flow = _in_flow(root, address) or node.flow
    shown = [emit.flow(one) for one in value]
    old = [_plain(text, one) for one in node.values]
    if not old or not value:
        return _whole(text, root, address, node, value)
    for word, first, last, from_, to in reversed(SequenceMatcher(None, old, shown, autojunk=False).get_opcodes()):
        if word == "equal":
            continue
        same = min(last - first, to - from_)
        for number in range(last - 1, first + same - 1, -1):
            text = remove(text, (*address, number))
        node = at(parse(text), address) or node
        if to - from_ > same:
            text = _inserted(text, node, first + same, shown[from_ + same : to], flow=flow)
            node = at(parse(text), address) or node
        for number in range(first + same - 1, first - 1, -1):
            one = node.values[number]
            text = _spliced(text, one.start, one.end, shown[from_ + number - first])
    return text


def _plain(text: str, node: YamlNode) -> str:
    """Return an item as `emit.flow` writes it, so that quotes make no difference."""
    if node.kind == "scalar":
        if node.style is not None:
            return emit.flow(node.value)
        from wgm_play.document.load import load_text

        return emit.flow(load_text(node.value, "")) if node.value else "null"
    if node.kind == "map":
        pairs = zip(node.keys, node.values, strict=True)
        return "{" + ", ".join(f"{one.value}: {_plain(text, other)}" for one, other in pairs) + "}"
    if node.kind == "seq":
        return "[" + ", ".join(_plain(text, one) for one in node.values) + "]"
    return text[node.start : node.end]


def _inserted(text: str, node: YamlNode, number: int, items: Sequence[str], *, flow: bool) -> str:
    """Insert items into a list that has some, before the item `number`."""
    if flow:
        joined = ", ".join(items)
        if number:
            place = node.values[number - 1].end
            return _spliced(text, place, place, f", {joined}")
        place = node.values[0].start
        return _spliced(text, place, place, f"{joined}, ")
    pad = " " * node.column
    lines = [f"{pad}- {one}" for one in items]
    if number:
        place = _end_of_line(text, node.values[number - 1].end)
        return _spliced(text, place, place, _break(text) + _lines(text, lines))
    place = node.start
    return _spliced(text, place, place, _lines(text, lines).lstrip() + _break(text) + pad)


def _end_of_line(text: str, place: int) -> int:
    """Return where the line ends that a place is in, before its line break."""
    end = text.find("\n", place)
    end = len(text) if end < 0 else end
    return end - 1 if end > place and text[end - 1] == "\r" else end


# Entries ------------------------------------------------------------------------------------------------------


def _add(text: str, root: YamlNode, address: Address, value: Any, order: Sequence[str]) -> str:
    """Add an entry to a mapping; what is missing above it is made too."""
    parent, key = at(root, address[:-1]), address[-1]
    if isinstance(key, int):
        raise Unplaced("the list has another form")
    if parent is None:
        return _add(text, root, address[:-1], {key: value}, ())
    if parent.kind == "alias":
        raise Unplaced(f"it is repeated by the alias *{parent.anchor}")
    if parent.kind == "scalar" and parent.value and parent.style is None and "type" not in (key,):
        _refuse_template(text, parent)
        written = f"{{type: {_inside(text, parent)}, {_pair(key, value)}}}"  # `column: type` becomes a mapping
        return _spliced(text, parent.inner, parent.end, written)
    if parent.kind == "scalar" and not parent.value:
        return _spliced(text, parent.start, parent.end, f" {{{_pair(key, value)}}}")
    if parent.kind != "map":
        _refuse_template(text, parent)
        raise Unplaced("it is said in another form")
    number = _after(parent, key, order)
    if parent.flow:
        return _into_flow(text, parent, number, _pair(key, value))
    return _into_block(text, parent, number, key, value)


def _inside(text: str, node: YamlNode) -> str:
    """Return a plain scalar as it can stand in a flow mapping."""
    return emit.scalar(node.value, flow=True)


def _pair(key: str, value: Any) -> str:
    return f"{emit.scalar(key, flow=True, key=True)}: {emit.flow(value)}"


def _after(parent: YamlNode, key: str, order: Sequence[str]) -> int:
    """Return the number of the entry that a new one follows: the nearest that usually stands before it; -1 for none."""
    there = [one.value for one in parent.keys]
    before = list(order[: order.index(key)]) if key in order else []
    for name in reversed(before):
        if name in there:
            return there.index(name)
    return -1 if before and there and set(order) >= set(there) and not before else len(there) - 1


def _into_flow(text: str, parent: YamlNode, number: int, pair: str) -> str:
    if not parent.values:
        inside = parent.end - 1
        return _spliced(text, parent.inner, inside, "{" + pair)
    before, entry = parent.values[number], parent.keys[number]
    line = text.rfind("\n", 0, entry.start) + 1
    apart = not text[line : entry.start].strip() and line > parent.inner
    gap = _break(text) + text[line : entry.start] if apart else " "
    whole = text[line : _end_of_line(text, parent.end)]
    if not apart and len(whole) + len(pair) + 2 > emit.WIDTH and "\n" not in whole:
        gap = _break(text) + " " * (_indent_at(text, parent.inner) + 1)
    return _spliced(text, before.end, before.end, f",{gap}{pair}")


def _into_block(text: str, parent: YamlNode, number: int, key: str, value: Any) -> str:
    pad = " " * parent.column
    before, entry = parent.values[number], parent.keys[number]
    head = f"{pad}{emit.scalar(key, flow=False, key=True)}:"
    gap = text[entry.end : before.start]
    if before.values and not before.flow:
        pass
    elif gap.startswith(":") and len(gap) > 2 and not gap[1:].strip(" "):
        head = head.ljust(parent.column + (entry.end - entry.start) + len(gap) - 1)
    lines = emit.entry(head, value, parent.column)
    place = _end_of_line(text, max(before.end, entry.end))
    return _spliced(text, place, place, _break(text) + _lines(text, lines))


def _out_of_flow(text: str, parent: YamlNode, starts: Sequence[int], number: int) -> str:
    if len(starts) == 1:
        return _spliced(text, parent.values[0].start if not parent.keys else parent.keys[0].start, parent.end - 1, "")
    if number + 1 < len(starts):
        end = starts[number + 1]
        between = text[parent.values[number].end : end]
        if "#" in between:
            end = parent.values[number].end + between.index(",") + 1
        return _spliced(text, starts[number], end, "")
    return _spliced(text, parent.values[number - 1].end, parent.values[number].end, "")


def _out_of_block(text: str, parent: YamlNode, starts: Sequence[int], number: int) -> str:
    if len(starts) == 1:
        raise Unplaced("nothing would be left beside it")
    item = parent.kind == "seq"
    line = text.rfind("\n", 0, starts[number]) + 1
    end = max(parent.values[number].end, parent.keys[number].end if parent.keys else 0)
    lead = text[line : starts[number]]
    if lead.strip() and not (item and lead.strip() == "-"):
        return _spliced(text, starts[number], starts[number + 1], "")  # the first of an item: `- name: ...`
    after = text.find("\n", _end_of_line(text, end))
    return _spliced(text, line, len(text) if after < 0 else after + 1, "")


# Steps --------------------------------------------------------------------------------------------------------


def add_step(text: str, address: Address, lines: Callable[[int], list[str]]) -> str:
    """Add a step after the one at an address, with a blank line between them where the file has such lines."""
    root = parse(text)
    parent, before = at(root, address[:-1]), at(root, address)
    if parent is None or before is None or parent.flow:
        raise Unplaced("the steps stand in another form")
    place = _end_of_line(text, before.end)
    apart = len(parent.values) < 2 or _blank_between(text, parent)
    indent = _indent_at(text, text.rfind("-", 0, before.start))
    made = [*([""] if apart else []), *lines(indent)]
    return _spliced(text, place, place, _break(text) + _lines(text, made))


def _blank_between(text: str, parent: YamlNode) -> bool:
    pairs = zip(parent.values, parent.values[1:], strict=False)
    return any("\n\n" in text[one.end : other.start].replace("\r", "").replace(" ", "") for one, other in pairs)


def remove_step(text: str, address: Address) -> str:
    """Take a step away, with the blank line that was between it and the next."""
    root = parse(text)
    parent = at(root, address[:-1])
    number = address[-1]
    if parent is None or not isinstance(number, int) or parent.flow:
        raise Unplaced("the steps stand in another form")
    node = parent.values[number]
    if any(one.anchor in aliased(root) for one in node.below() if one.kind != "alias"):
        raise Unplaced("an anchor in it is repeated elsewhere")
    if len(parent.values) == 1:
        return _spliced(text, text.rfind("-", 0, node.start), node.end, "[]")
    line = text.rfind("\n", 0, node.start) + 1
    end = text.find("\n", _end_of_line(text, node.end))
    end = len(text) if end < 0 else end + 1
    after = text[end:]
    blank = after.find("\n") + 1 if after.split("\n", 1)[0].strip() == "" and after else 0
    before = text[:line]
    if blank and (not before.strip() or before.replace("\r", "").endswith("\n\n") or before.rstrip().endswith(":")):
        end += blank
    elif end == len(text) and before.replace("\r", "").endswith("\n\n"):
        line = len(before.rstrip()) + len(_break(text))
    return _spliced(text, line, end, "")
