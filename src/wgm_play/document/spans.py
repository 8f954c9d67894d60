"""Where each value of a YAML file begins and ends, so that one can be changed and all other bytes stay.

In: the text of a file. Out: `YamlNode`s in a tree, with the offsets of their text; an alias stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any

from wgm_play.lazy_dataclass import dataclass

# One step of an address: the key of a mapping, or the number of an item.
Address = tuple[str | int, ...]


@dataclass(slots=True)
class YamlNode:
    """A value: `kind` is scalar, map, seq or alias; `style` that of a scalar (' " | > or None), `flow` that of the others.

    `start` and `end` enclose the text of the value, with its anchor; `inner` is where it begins after the anchor.
    """

    kind: str
    start: int
    end: int
    inner: int
    column: int
    value: str = ""
    style: str | None = None
    flow: bool = False
    anchor: str | None = None
    keys: list[YamlNode] = field(default_factory=list)
    values: list[YamlNode] = field(default_factory=list)

    def child(self, step: str | int) -> YamlNode | None:
        """Return the value of a key, or an item."""
        if isinstance(step, int):
            return self.values[step] if self.kind == "seq" and step < len(self.values) else None
        number = self.place(step)
        return None if number is None else self.values[number]

    def place(self, key: str) -> int | None:
        """Return the number of the entry of a mapping with this key."""
        if self.kind != "map":
            return None
        return next((number for number, one in enumerate(self.keys) if one.value == key), None)

    def below(self) -> Iterator[YamlNode]:
        """Yield the node and all below it."""
        yield self
        for one in self.values:
            yield from one.below()


def parse(text: str) -> YamlNode:
    """Return the tree of a file that can be read; an empty one is a scalar."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    lead = 1 if text.startswith("\ufeff") else 0
    events: Iterator[Any] = iter(list(yaml.parse(text[lead:], Loader=loader)))
    while not isinstance(next(events), yaml.DocumentStartEvent):
        pass
    return _SpanReader(text, lead, events).node(next(events))


@dataclass(slots=True)
class _SpanReader:
    text: str
    lead: int
    events: Iterator[Any]

    def node(self, event: Any) -> YamlNode:
        import yaml

        ends: Any = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
        start, end = event.start_mark.index + self.lead, event.end_mark.index + self.lead
        made = YamlNode("scalar", start, end, start, event.start_mark.column, anchor=event.anchor)
        if isinstance(event, yaml.AliasEvent):
            made.kind = "alias"
            return made
        if event.anchor is not None:
            made.inner = self._after_anchor(start)
        if isinstance(event, yaml.ScalarEvent):
            made.value, made.style = event.value, event.style or None
            if made.style in ("|", ">"):
                made.end = self._end_of_block(made.inner, end)
            return made
        made.flow = bool(event.flow_style)
        made.kind = "seq" if isinstance(event, yaml.SequenceStartEvent) else "map"
        while not isinstance(event := next(self.events), ends):
            child = self.node(event)
            if made.kind == "map":
                made.keys.append(child)
                child = self.node(next(self.events))
            made.values.append(child)
        made.end = event.end_mark.index + self.lead if made.flow else self._end_of(made)
        return made

    def _after_anchor(self, start: int) -> int:
        at = start
        while at < len(self.text) and not self.text[at].isspace():
            at += 1
        while at < len(self.text) and self.text[at] == " ":
            at += 1
        return at

    def _end_of(self, node: YamlNode) -> int:
        if node.values:
            return max(node.values[-1].end, node.keys[-1].end if node.keys else 0)
        return node.start

    def _end_of_block(self, start: int, end: int) -> int:
        """Return where the last line of a block scalar that is not blank ends, before its line break."""
        return start + len(self.text[start:end].rstrip())


def at(root: YamlNode, address: Sequence[str | int]) -> YamlNode | None:
    """Return the node at an address; None where there is none, or where an alias is in the way."""
    node: YamlNode | None = root
    for step in address:
        node = node.child(step) if node is not None else None
    return node


def aliased(root: YamlNode) -> set[str]:
    """Return the anchors that something else repeats."""
    return {str(one.anchor) for one in root.below() if one.kind == "alias"}
