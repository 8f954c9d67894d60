"""What may be supposed of values that were left out: the ends of what is possible.

In: columns of which something was left out, how a query uses them. Out: suppositions, each as what `pg_statistic` would say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from wgm_play.render import render
from wgm_play.sql import Sql
from wgm_play.stats.put import KnownStatistics, array_text
from wgm_play.stats.values import HASHED, digest

if TYPE_CHECKING:
    from wgm_play.stats.scratch import Planning
    from wgm_play.stats.uses import Use

    Said = Mapping[str, Any]

# The least and the greatest value of a type; texts as far as any encoding has them.
_ENDS = {
    "int2": ("-32768", "32767"),
    "int4": ("-2147483648", "2147483647"),
    "int8": ("-9223372036854775808", "9223372036854775807"),
    "oid": ("0", "4294967295"),
    "float4": ("-Infinity", "NaN"),
    "float8": ("-Infinity", "NaN"),
    "numeric": ("-1e300", "NaN"),
    "text": ("", "~~~~~~~~"),
    "varchar": ("", "~~~~~~~~"),
    "bpchar": ("", "~~~~~~~~"),
    "name": ("", "~~~~~~~~"),
    "date": ("-infinity", "infinity"),
    "timestamp": ("-infinity", "infinity"),
    "timestamptz": ("-infinity", "infinity"),
    "time": ("00:00:00", "24:00:00"),
    "interval": ("-100000 years", "100000 years"),
    "bool": ("f", "t"),
    "bytea": ("", "\\xffffffffffffffff"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "inet": ("0.0.0.1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "money": ("-90000000000000", "90000000000000"),
}
# Values that stand for digests: as unlike each other as these.
_STANDING: Mapping[str, Callable[[str], str]] = {
    "int4": lambda told: str(int(told, 16) % 2**31),
    "int8": lambda told: str(int(told, 16) % 2**63),
    "text": lambda told: told,
    "varchar": lambda told: told,
    "numeric": lambda told: str(int(told, 16)),
    "uuid": lambda told: f"{told[:8]}-{told[8:12]}-{told[12:16]}-0000-000000000000",
}
# Types of which two values are equal where their texts are, and collations that no value of theirs is equal by otherwise: a digest of
# another says nothing of equality.
_EXACT = frozenset(
    [
        "int2",
        "int4",
        "int8",
        "oid",
        "text",
        "varchar",
        "name",
        "uuid",
        "date",
        "timestamp",
        "timestamptz",
        "bool",
        "bytea",
    ]
)
_PLAIN_COLLATIONS = frozenset([0, 100, 950, 951])
# So many bounds as ANALYZE keeps: the planner tells shares of a hundredth of what lies between two.
_BOUNDS = 101


def possible(planning: Planning, known: KnownStatistics, use: Use) -> bool:
    """Tell whether something can be supposed of a column that is used so."""
    if use.other:
        return False
    if "elements" in known.said and known.said.get("common") is None and "histogram_count" not in known.said:
        return False
    ends = _ends(planning, known)
    if (use.ranged or use.joined) and ends is None:
        return False
    # What is computed may be any value: it can be put below or above, and cannot be made the most common one.
    return not (use.computed and not use.ranged and "common" in known.said)


def _ends(planning: Planning, known: KnownStatistics) -> tuple[str, str] | None:
    kind = planning.laid.types[known.attribute.type]
    if kind.kind == "e":
        return planning.labels(known.attribute.type)
    return _ENDS.get(kind.name)


def _digested(planning: Planning, known: KnownStatistics) -> bool:
    """Tell whether digests say which values of a column are equal."""
    kind = planning.laid.types[known.attribute.type]
    exact = kind.kind == "e" or (kind.name in _EXACT and known.attribute.collation in _PLAIN_COLLATIONS)
    return planning.statistics.values == HASHED and exact


def real(planning: Planning, found: Sequence[tuple[KnownStatistics, Use]]) -> dict[KnownStatistics, Said]:
    """Return what is known of columns: with digests, the literals of the query that are among the common values stand there."""
    statistics = planning.statistics
    if statistics.values != HASHED:
        return {known: known.said for known, _ in found}
    literals = {
        digest(statistics.document["salt"], text): text
        for known, use in found
        for text in _canonical(planning, known, (*use.equal, *use.ordered))
    }
    return {known: _standing(planning, known, literals) for known, _ in found}


def _standing(planning: Planning, known: KnownStatistics, literals: Mapping[str, str]) -> Said:
    common = known.said.get("common")
    if common is None or "digests" not in common or not _digested(planning, known):
        return known.said
    made = _STANDING.get(planning.laid.types[known.attribute.type].name)
    values: list[str] = common["digests"]
    if made is not None:
        return {**known.said, "common": {**common, "values": [literals.get(one) or made(one) for one in values]}}
    # A type of which no values can be made: those that are known come first.
    order = sorted(range(len(values)), key=lambda number: values[number] not in literals)
    return {
        **known.said,
        "common": {
            "frequencies": [common["frequencies"][number] for number in order],
            "values": [literals[values[number]] for number in order if values[number] in literals],
        },
    }


def _canonical(planning: Planning, known: KnownStatistics, texts: Sequence[str]) -> list[str]:
    """Return values in their order, as PostgreSQL writes them in the type of a column; what is no value of it is left out."""
    found = []
    kind = Sql(planning.type_name(known.attribute.type))
    for text in dict.fromkeys(texts):
        statement = render("stats/canonical.sql.j2", value=text, type=kind).sql
        try:
            row = planning.reading.execute(statement.encode()).fetchone()
        except psycopg.Error:
            continue
        if row and row[0] is not None:
            found.append(row[0])
    if len(found) > 1 and planning.laid.types[known.attribute.type].lower:
        statement = render("stats/sorted.sql.j2", values=array_text(found), type=kind).sql
        found = [row[0] for row in planning.reading.execute(statement.encode()).fetchall()]
    return found


def suppositions(
    planning: Planning, found: Sequence[tuple[KnownStatistics, Use]], own: Mapping[KnownStatistics, Said]
) -> Iterator[tuple[list[KnownStatistics], dict[KnownStatistics, Said]]]:
    """Yield what may be supposed: the columns that it is about, and what is then said of them."""
    together: dict[str, dict[KnownStatistics, Said]] = {}
    for known, use in found:
        for name, said in _of_column(planning, known, use, own[known], hashed=_digested(planning, known)):
            yield [known], {known: said}
            together.setdefault(name, {})[known] = said
    for each in together.values():
        if len(each) > 1:
            yield list(each), each
    joined = [known for known, use in found if use.joined]
    if len(joined) > 1:
        yield from _of_joins(planning, joined, hashed=all(_digested(planning, known) for known in joined))


def _of_column(
    planning: Planning, known: KnownStatistics, use: Use, said: Said, *, hashed: bool
) -> Iterator[tuple[str, Said]]:
    common = said.get("common")
    literals = _canonical(planning, known, (*use.equal, *use.ordered))
    if common is not None and use.equal and not hashed:
        equal = _canonical(planning, known, use.equal)
        for text in equal:
            yield "most common", {**said, "common": {**common, "values": [text]}}
        if len(equal) > 1:
            yield "all common", {**said, "common": {**common, "values": equal[: len(common["frequencies"])]}}
    ends = _ends(planning, known)
    if use.ranged and ends is not None:
        for name, values in (("below", [ends[0]]), ("above", [ends[1]]), ("within", literals)):
            if values:
                yield name, _all(said, values)


def _all(said: Said, values: Sequence[str]) -> Said:
    """Say that all rows have one of these values."""
    made = {key: value for key, value in said.items() if key != "histogram_count"}
    if (common := said.get("common")) is not None:
        made["common"] = {**common, "values": [values[len(values) // 2]] * len(common["frequencies"])}
    if "histogram_count" in said:
        made["histogram"] = [values[number * len(values) // _BOUNDS] for number in range(_BOUNDS)]
    return made


def _of_joins(
    planning: Planning, joined: Sequence[KnownStatistics], *, hashed: bool
) -> Iterator[tuple[list[KnownStatistics], dict[KnownStatistics, Said]]]:
    """Yield joined columns with all their values in common, and with none."""
    ends = {known: _ends(planning, known) or ("", "") for known in joined}
    for side in (0, 1) if not hashed else ():
        yield list(joined), {known: _all(known.said, [ends[known][side]]) for known in joined}
    for one in joined:
        yield [one], {known: _all(known.said, [ends[known][1 if known is one else 0]]) for known in joined}
