"""Partitions and inheritance: the key of a partitioned table, the bound of a partition, the parents of a child.

In: the row of a table. Out: what its step says of them.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.inspect.entry import expression
from wgm_play.inspect.index import element
from wgm_play.sqltext.scan import LITERAL, Unforeseen, brackets, follows, split_list, text_of


def describe(table: Any) -> dict[str, Any]:
    """Return `partition_by`, `partition_of` with `bound`, or `inherits`."""
    made: dict[str, Any] = {}
    parents = [_parent(one) for one in table.parents or []]
    if table.bound is not None:
        made["partition_of"] = parents[0]
        made["bound"] = bound(table.bound)
    elif parents:
        made["inherits"] = parents
    if table.partition_by:
        strategy, _, rest = table.partition_by.partition(" ")
        inside, _ = brackets(rest)
        made["partition_by"] = {strategy.lower(): [element(one) for one in split_list(inside)]}
    return made


def _parent(name: list[str]) -> str:
    if any("." in part for part in name):
        raise Unforeseen(str(name))
    return name[1] if name[0] == "public" else ".".join(name)


def bound(text: str) -> dict[str, Any]:
    """Return the bound of a partition."""
    if text == "DEFAULT":
        return {"default": True}
    if (rest := follows(text, "FOR VALUES FROM")) is not None:
        first, rest = brackets(rest)
        second, _ = brackets(follows(rest, "TO") or "")
        return {"from": _values(first), "to": _values(second)}
    if (rest := follows(text, "FOR VALUES IN")) is not None:
        inside, _ = brackets(rest)
        return {"values": [_value(one) for one in split_list(inside)]}
    found = re.fullmatch(r"FOR VALUES WITH \(modulus (\d+), remainder (\d+)\)", text, re.IGNORECASE)
    if found is None:
        raise Unforeseen(text)
    return {"modulus": int(found.group(1)), "remainder": int(found.group(2))}


def _values(text: str) -> Any:
    listed = [_value(one) for one in split_list(text)]
    return listed[0] if len(listed) == 1 else listed


def _value(text: str) -> Any:
    if text in ("MINVALUE", "MAXVALUE"):
        return text.lower()
    if text == "NULL":
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    if re.fullmatch(LITERAL, text) and text.lower() not in ("'minvalue'", "'maxvalue'"):
        return text_of(text)
    return {"expression": expression(text)}
