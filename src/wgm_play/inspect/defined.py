"""Types, collations, aggregates, operators with their classes and families, casts, text search.

In: the key of one. Out: a step; a name that needs quotes inside SQL cannot be said.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.kinds import ROUTINES, SWAPPED, TEXT_SEARCH
from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Inspected, place, type_name
from wgm_play.inspect.table import collation as collation_name
from wgm_play.sqltext.scan import Unforeseen, qualified, split_list, text_of

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def plain(text: str) -> str:
    """Return a name as playbooks write it: without quotes and `public`; raise where a dot is part of it."""
    parts, rest = qualified(text)
    if rest or any("." in part for part in parts):
        raise Unforeseen(text)
    return ".".join(parts[1:] if len(parts) == 2 and parts[0] == "public" else parts)


def reference(said: Inspected, text: str) -> str:
    """Return a function or the like as a playbook writes it; one without schema is public's or the system's."""
    parts, _ = qualified(text)
    known = len(parts) > 1 or any(said.catalog.of(kind, "public", parts[0]) for kind in (ROUTINES - {"procedure"}))
    return plain(text) if known else f"pg_catalog.{plain(text)}"


def collation(said: Inspected, key: Key) -> None:
    """Add the step of a collation."""
    row = said.catalog[key]
    spec: dict[str, Any] = place(key)
    if row.provider != "c":
        spec["provider"] = _PROVIDERS[row.provider]
        locale = row.locale or row.lc_collate
        if locale is not None:
            spec["locale"] = locale
    elif row.lc_collate == row.lc_ctype:
        spec["locale"] = row.lc_collate
    else:
        spec |= {"lc_collate": row.lc_collate, "lc_ctype": row.lc_ctype}
    if not row.deterministic:
        spec["deterministic"] = False
    if row.rules is not None:
        spec["rules"] = row.rules
    _add(said, key, spec, row.comment)


def composite(said: Inspected, key: Key) -> None:
    """Add the step of a composite type."""
    row = said.catalog[key]
    comments = dict(row.attribute_comments or [])
    attributes: dict[str, Any] = {}
    for name, kind, sorted_by in row.attributes or []:
        spec: dict[str, Any] = {"type": type_name(kind)}
        if sorted_by:
            spec["collation"] = collation_name(sorted_by)
        if name in comments:
            spec["comment"] = comments[name]
        attributes[name] = spec if len(spec) > 1 else spec["type"]
    _add(said, key, {**place(key), "attributes": attributes}, row.comment)


def range_(said: Inspected, key: Key) -> None:
    """Add the step of a range type."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**place(key), "subtype": type_name(row.subtype)}
    if row.canonical:
        said.cannot(key, f"canonical {row.canonical}")
        return
    if row.opclass:
        spec["opclass"] = plain(row.opclass)
    if row.collation:
        spec["collation"] = collation_name(row.collation)
    if row.subtype_diff:
        spec["subtype_diff"] = reference(said, row.subtype_diff)
    name = key.name[1]
    usual = name.replace("range", "multirange", 1) if "range" in name else f"{name}_multirange"
    if row.multirange and row.multirange != usual:
        spec["multirange"] = row.multirange
    _add(said, key, spec, row.comment)


_AGGREGATE = {
    "SFUNC": "state_function", "STYPE": "state_type", "SSPACE": "state_space", "FINALFUNC": "final_function",
    "FINALFUNC_EXTRA": "final_extra", "FINALFUNC_MODIFY": "final_modify", "COMBINEFUNC": "combine_function",
    "SERIALFUNC": "serial_function", "DESERIALFUNC": "deserial_function", "INITCOND": "initial",
    "MSFUNC": "moving_state_function", "MINVFUNC": "moving_inverse_function", "MSTYPE": "moving_state_type",
    "MSSPACE": "moving_state_space", "MFINALFUNC": "moving_final_function", "MFINALFUNC_EXTRA": "moving_final_extra",
    "MFINALFUNC_MODIFY": "moving_final_modify", "MINITCOND": "moving_initial", "SORTOP": "sort_operator",
    "PARALLEL": "parallel", "HYPOTHETICAL": "hypothetical",
}  # fmt: skip


def aggregate(said: Inspected, key: Key) -> None:
    """Add the step of an aggregate."""
    row = said.catalog[key]
    spec: dict[str, Any] = place(key)
    if row.arguments:
        spec["arguments"] = row.arguments
    for option in row.options:
        word, _, value = option.partition(" = ")
        name = _AGGREGATE[word]
        if not value:
            spec[name] = True
        elif name.endswith("_function"):
            spec[name] = reference(said, value)
        elif name.endswith("initial"):
            spec[name] = text_of(value.lstrip())
        elif name.endswith("_space"):
            spec[name] = int(value)
        elif name.endswith(("modify", "parallel")):
            spec[name] = value.lower()
        else:
            spec[name] = value
    _add(said, key, spec, row.comment)


def operator(said: Inspected, key: Key) -> None:
    """Add the step of an operator."""
    row = said.catalog[key]
    schema, name, left, right = key.name
    spec: dict[str, Any] = {"name": name if schema == "public" else f"{schema}.{name}"}
    for side, kind in (("left", left), ("right", right)):
        if kind != "NONE":
            spec[side] = type_name(kind)
    spec["function"] = reference(said, row.function)
    for word in ("commutator", "negator"):
        if getattr(row, word):
            found = re.fullmatch(r"OPERATOR\((.+)\.([^.\w]+)\)", getattr(row, word))
            same = found is not None and found.group(1) == schema == "public"
            spec[word] = found.group(2) if found is not None and same else getattr(row, word)
    for word in ("restrict", "join"):
        if getattr(row, word):
            spec[word] = reference(said, getattr(row, word))
    for word in ("hashes", "merges"):
        if getattr(row, word):
            spec[word] = True
    _add(said, key, spec, row.comment)


def operator_family(said: Inspected, key: Key) -> None:
    """Add the step of an operator family; one that a class makes by its own name goes without saying."""
    row = said.catalog[key]
    if not row.members and row.comment is None and Key("operator_class", key.name) in said.catalog:
        return
    spec: dict[str, Any] = {**place(key), "method": key.name[2]}
    if row.members:
        spec["members"] = [item for item, _ in row.members]
    _add(said, key, spec, row.comment)


def operator_class(said: Inspected, key: Key) -> None:
    """Add the step of an operator class."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**place(key), "type": type_name(row.type), "method": key.name[2]}
    if row.default:
        spec["default"] = True
    if plain(row.family) != ".".join(key.name[:2] if key.name[0] != "public" else key.name[1:2]):
        spec["family"] = plain(row.family)
    members = list(row.members or [])
    if row.storage:
        members.append(f"STORAGE {row.storage}")
    spec["members"] = members
    _add(said, key, spec, row.comment)


_CONTEXTS = {"a": "assignment", "i": "always"}


def cast(said: Inspected, key: Key) -> None:
    """Add the step of a cast."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"from": type_name(key.name[0]), "to": type_name(key.name[1])}
    if row.method.startswith("WITH FUNCTION "):
        spec["function"] = row.method.removeprefix("WITH FUNCTION ")
    else:
        spec["method"] = "inout" if row.method == "WITH INOUT" else "binary"
    if row.context in _CONTEXTS:
        spec["implicit"] = _CONTEXTS[row.context]
    _add(said, key, spec, row.comment)


def text_search_dictionary(said: Inspected, key: Key) -> None:
    """Add the step of a text search dictionary."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**place(key), "from": plain(row.template)}
    if row.options:
        made: dict[str, Any] = {}
        for part in split_list(row.options):
            name, _, value = part.partition(" = ")
            made[name.strip('"')] = (
                text_of(value) if "'" in value else int(value) if value.isdecimal() else float(value)
            )
        spec["options"] = made
    _add(said, key, spec, row.comment)


def text_search_configuration(said: Inspected, key: Key) -> None:
    """Add the step of a text search configuration."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**place(key), "parser": plain(row.parser)}
    if row.mappings:
        spec["mappings"] = {token: [plain(one) for one in split_list(listed)] for token, listed in row.mappings}
    _add(said, key, spec, row.comment)


def _concern(kind: str) -> str:
    if kind in SWAPPED:
        return "types"
    if kind in ROUTINES:
        return "functions"
    return "text_search" if kind in TEXT_SEARCH else "operators"


def _add(said: Inspected, key: Key, spec: dict[str, Any], comment: str | None) -> None:
    if comment is not None:
        spec["comment"] = comment
    said.add(_concern(key.kind), key.kind, key, spec)
