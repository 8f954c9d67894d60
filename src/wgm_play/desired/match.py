"""Match constraints whose name the playbook does not give with live ones: such a name is not compared.

In: the live and the declared catalog, a table. Out: declared key -> the live key that it means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from wgm_play.catalog.model import Catalog, Key


def match_constraints(
    live: Catalog, declared: Catalog, table: Key, named: Collection[Key], indexes: Collection[str] = ()
) -> dict[Key, Key]:
    """Return which live name each unnamed declared constraint of `table` takes.

    First those with the same name, then those with the same definition, then those of the same kind over the same
    columns, then checks over some of them: their definition changes under the name that they have. `indexes` are those of
    other tables.
    """
    there = live.of("constraint", *table.name)
    if not (there or indexes):
        return {}
    wanted = declared.of("constraint", *table.name)
    free = [key for key in there if key not in named]
    mine = [key for key in wanted if key not in named]
    pairs: dict[Key, Key] = {}

    def take(own: Key, other: Key) -> None:
        pairs[own] = other
        free.remove(other)
        mine.remove(own)

    for own in list(mine):
        if own in free and _said(live, own) == _said(declared, own):
            take(own, own)
    for own in list(mine):
        same = next((key for key in free if _said(live, key) == _said(declared, own)), None)
        if same is not None:
            take(own, same)
    for own in list(mine):
        if own in free and live.value(own, "type") == declared.value(own, "type"):
            take(own, own)
    for own in list(mine):
        columns = _columns(declared, own)
        like = next(
            (
                key
                for key in free
                if live.value(key, "type") == declared.value(own, "type") and _columns(live, key) == columns
            ),
            None,
        )
        if like is not None and columns:
            take(own, like)
    _match_edited_checks(live, declared, table, (free, mine), take)
    taken = set(pairs.values()) | set(named) | set(there)
    for own in mine:  # a new one whose made-up name is taken by another live constraint, or by another table's index
        indexed = declared.value(own, "type") in ("p", "u", "x")
        if own in there or (indexed and own.name[2] in indexes):
            name, number = own.name[2][:60], 1
            while Key("constraint", (*table.name, f"{name}{number}")) in taken or f"{name}{number}" in indexes:
                number += 1
            pairs[own] = Key("constraint", (*table.name, f"{name}{number}"))
            taken.add(pairs[own])
    return {own: other for own, other in pairs.items() if own != other}


def _match_edited_checks(
    live: Catalog, declared: Catalog, table: Key, left: tuple[list[Key], list[Key]], take: Callable[[Key, Key], None]
) -> None:
    """Match a check with the one whose name PostgreSQL made and that is over some of its columns: its text was edited.

    Only where no other could be meant, on either side; `left` are the live and the declared keys without a match.
    """
    automatic = re.compile(rf"{re.escape(table.name[1])}_(?:.+_)?check\d*\Z")
    free, mine = (
        [key for key in keys if catalog.value(key, "type") == "c"]
        for keys, catalog in zip(left, (live, declared), strict=True)
    )
    edited = [key for key in free if automatic.match(key.name[2])]
    meant = {own: [key for key in edited if _columns(live, key) & _columns(declared, own)] for own in mine}
    for own, found in meant.items():
        if len(found) == 1 and sum(found[0] in others for others in meant.values()) == 1:
            take(own, found[0])


def match_domain(live: Catalog, declared: Catalog, domain: Key, named: Collection[Key]) -> dict[Key, Key]:
    """Return which live name the rule without a name of a domain takes: the domain had another name when it was made."""
    there = [key for key in live.of("domain_constraint", *domain.name) if key not in named]
    mine = [key for key in declared.of("domain_constraint", *domain.name) if key not in named and key not in there]
    for own in mine:
        same = [key for key in there if live.rows[key] == declared.rows[own]]
        like = same or [key for key in there if key.name[2].endswith("_check")]
        if like:
            return {own: like[0]}
    return {}


def _said(catalog: Catalog, key: Key) -> tuple[str, str]:
    return catalog.value(key, "type"), catalog.value(key, "definition")


def _columns(catalog: Catalog, key: Key) -> frozenset[str]:
    """Return the columns of its own table that a constraint is over, from the dependencies."""
    table = key.name[:2]
    return frozenset(
        needed.name[2] for needed in catalog.needs(key) if needed.kind == "column" and needed.name[:2] == table
    )
