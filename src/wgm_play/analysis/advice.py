"""Which indexes would help the queries: tried by the planner, chosen one by one, told as steps.

In: queries, their plans, where indexes are tried. Out: `Advice`, and the finding that has the step, the gain and what writes pay.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.analysis.candidates import Fixed, IndexCandidate, Table, candidates, constants_of
from wgm_play.analysis.compare import FLOOR, SOURCE, TIMES
from wgm_play.finding import INFO, Finding
from wgm_play.inspect.emit import step as lines_of
from wgm_play.inspect.entry import table_place
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted, format_size
from wgm_play.sql import ident, shortened
from wgm_play.stats.uses import expression_key
from wgm_play.stats.values import FULL

if TYPE_CHECKING:
    from wgm_play.analysis.plans import QueryPlan, Subject
    from wgm_play.analysis.statements import Count
    from wgm_play.analysis.trying import Trial, Tried
    from wgm_play.catalog.model import Catalog
    from wgm_play.stats.file import StatisticsFile

CODE = "index_advice"
# More indexes than that are not advised at once: the first ones change what the others are worth.
MOST = 8
# A larger index must gain so much more than a smaller one.
LARGER = 1.05
# An index for a part of the rows holds no more of them; what it compares with constants has no more values than that.
PART, STATES = 0.3, 12
_PAGE = 8192
_WORD = re.compile(r"[^\s,.]+")


@dataclass(frozen=True, slots=True)
class Helped:
    """A query that an index helps: its plan before, and with the index."""

    subject: Subject
    before: QueryPlan
    after: QueryPlan


@dataclass(frozen=True, slots=True)
class Advice:
    """An index that would help, as a step, with the queries that it helps."""

    candidate: IndexCandidate
    step: Mapping[str, Any]
    tried: Tried
    helped: Sequence[Helped]
    superfluous: Sequence[str] = ()


def wanted(
    plans: Mapping[str, QueryPlan], catalog: Catalog, subjects: Sequence[Subject], statistics: StatisticsFile
) -> dict[IndexCandidate, list[str]]:
    """Return the indexes to try, each with the names of the queries that it could serve; a cheap query needs none."""
    whole = _whole(catalog)
    found: dict[IndexCandidate, list[str]] = {}
    for subject in subjects:
        plan = plans.get(subject.name)
        if plan is not None and plan.root is not None and plan.cost > FLOOR:
            for one in candidates(plan.root, whole, _fixed(subject, statistics)):
                found.setdefault(one, []).append(subject.name)
    return found


def _fixed(subject: Subject, statistics: StatisticsFile) -> Fixed:
    """Return what tells whether a column has few values, and is compared with some that the query itself names.

    Of one that has many, the next query asks for another; so does the same one, where the value is a parameter's.
    """
    constants = constants_of(subject.text) if statistics.values == FULL else frozenset[str]()

    def fixed(table: Table, column: str, values: Collection[str]) -> bool:
        said = statistics.find(*table) if values and set(values) <= constants else None
        return any(
            0 < one["n_distinct"] <= STATES for one in (said or {}).get("columns", ()) if ident(one["name"]) == column
        )

    return fixed


def _whole(catalog: Catalog) -> Any:
    """Return what gives the partitioned table that a partition is of, at any depth."""
    above = {
        (key.name[0], key.name[1]): (row.parents[0][0], row.parents[0][1])
        for key in catalog.of("table")
        if (row := catalog[key]).bound is not None and row.parents
    }

    def whole(table: Table) -> Table:
        while table in above:
            table = above[table]
        return table

    return whole


def is_partitioned(catalog: Catalog, tables: Collection[Table]) -> bool:
    """Tell whether one of the tables has partitions."""
    return any(key.name[:2] in tables and catalog[key].partition_by is not None for key in catalog.of("table"))


def choose(
    trial: Trial,
    serving: Mapping[IndexCandidate, Sequence[str]],
    subjects: Sequence[Subject],
    plans: Mapping[str, QueryPlan],
    counts: Mapping[str, Count],
) -> tuple[list[tuple[IndexCandidate, list[Helped]]], int]:
    """Return the indexes that help most, each on top of those before it, with the queries that they help; and how many
    queries more would get cheaper by others."""
    by_name = {one.name: one for one in subjects}
    made = [one for one in serving if one in trial.tried and _is_worth_it(trial, one) and not _is_there(trial, one)]
    asked = dict.fromkeys(name for one in made for name in serving[one])
    now, chosen = dict(plans), dict[IndexCandidate, list[Helped]]()
    moves: dict[frozenset[IndexCandidate], list[str]] = {}
    for name, plan in _plans(trial, made, [by_name[name] for name in asked], serving).items():
        if not _helps(now.get(name), plan):
            continue  # not even all of them together help
        used = frozenset(_used(trial, plan))
        for move in ({used} if used else set()) | {frozenset([one]) for one in made if name in serving[one]}:
            moves.setdefault(move, []).append(name)
    while moves and len(chosen) < MOST:
        best: tuple[float, frozenset[IndexCandidate], dict[str, QueryPlan]] | None = None
        for move, names in list(moves.items()):
            with_it = _plans(trial, [*chosen, *move], [by_name[name] for name in names], serving)
            helped = {name: plan for name, plan in with_it.items() if _helps(now.get(name), plan)}
            gain = sum((now[name].cost - plan.cost) * _calls(by_name[name], counts) for name, plan in helped.items())
            if not helped:
                del moves[move]  # on top of others it would help even less
            elif best is None or _is_better((gain, _size(trial, move)), (best[0], _size(trial, best[1]))):
                best = gain, move, helped
        if best is None:
            break
        _, move, helped = best
        for name, plan in helped.items():
            for one in set(_used(trial, plan)) & {*chosen, *move}:
                chosen.setdefault(one, []).append(Helped(by_name[name], now[name], plan))
        now |= helped
        del moves[move]
    rest = {name for names in moves.values() for name in names}
    left = (
        _plans(trial, [*chosen, *(one for move in moves for one in move)], [by_name[name] for name in rest], serving)
        if rest
        else {}
    )
    return list(_without_prefixes(chosen).items()), sum(_helps(now.get(name), plan) for name, plan in left.items())


def _plans(
    trial: Trial,
    chosen: Collection[IndexCandidate],
    subjects: Sequence[Subject],
    serving: Mapping[IndexCandidate, Sequence[str]],
) -> dict[str, QueryPlan]:
    """Return the plans with the chosen indexes. A query with example values gets no index for a part of the rows that fits
    these alone."""
    groups: dict[tuple[IndexCandidate, ...], list[Subject]] = {}
    for each in subjects:
        shown = tuple(one for one in chosen if not one.where or each.values is None or each.name in serving[one])
        groups.setdefault(shown, []).append(each)
    return {name: plan for shown, several in groups.items() for name, plan in trial.plans(shown, several).items()}


def _used(trial: Trial, plan: QueryPlan) -> list[IndexCandidate]:
    return [trial.names[name] for name in plan.indexes if name in trial.names]


def _size(trial: Trial, move: Collection[IndexCandidate]) -> float:
    return sum(len(one.keys) * trial.tried[one].share for one in move)


def _is_better(new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Tell whether one gain and size is better than another."""
    if new[1] == old[1]:
        return new[0] > old[0]
    return new[0] > old[0] * LARGER if new[1] > old[1] else new[0] * LARGER > old[0]


def _is_worth_it(trial: Trial, one: IndexCandidate) -> bool:
    return not one.where or trial.tried[one].share <= PART


def _helps(before: QueryPlan | None, after: QueryPlan) -> bool:
    """Tell whether a plan is better as `compare` calls one worse."""
    return before is not None and before.cost >= TIMES * after.cost and before.cost - after.cost > FLOOR


def _calls(subject: Subject, counts: Mapping[str, Count]) -> int:
    return max(counts[subject.key].calls, 1) if subject.key in counts else 1


def _without_prefixes(chosen: Mapping[IndexCandidate, list[Helped]]) -> dict[IndexCandidate, list[Helped]]:
    """Return the chosen ones without those whose keys begin another's, which gets their queries."""
    kept = {one: list(helped) for one, helped in chosen.items()}
    for short in chosen:
        long = next((one for one in kept if one != short and _begins(short, one)), None)
        if long is not None:
            kept[long] = [*kept.pop(short), *kept[long]]
    return kept


def _begins(short: IndexCandidate, long: IndexCandidate) -> bool:
    same = (short.table, short.method, short.where) == (long.table, long.method, long.where)
    return same and short.method == "btree" and long.keys[: len(short.keys)] == short.keys


# What is there already -----------------------------------------------------------------------------------------


def _keys(spec: Mapping[str, Any]) -> list[Any]:
    return [
        one
        if isinstance(one, str)
        else {**one, "expression": expression_key(one["expression"])}
        if "expression" in one
        else one
        for one in spec["columns"]
    ]


def _is_there(trial: Trial, one: IndexCandidate) -> bool:
    """Tell whether an index of the table has these keys, or begins with them; a broken one wants to be mended, not doubled."""
    spec = trial.tried[one].spec
    keys = _keys(spec)
    return any(
        _keys(other)[: len(keys)] == keys
        and ((other.get("method") == "hash" and len(keys) == 1) or other.get("method") == spec.get("method"))
        and ("where" not in other or _where(other) == _where(spec))
        for other in trial.there.get(one.table, ())
    )


def _where(spec: Mapping[str, Any]) -> str | None:
    return expression_key(spec["where"]) if "where" in spec else None


def _superfluous(trial: Trial, one: IndexCandidate) -> list[str]:
    """Return the indexes that the new one would make superfluous: its first keys are theirs, and it holds all rows."""
    if one.where:
        return []
    keys = _keys(trial.tried[one].spec)
    return [
        str(other["name"])
        for other in trial.there.get(one.table, ())
        if keys[: len(own := _keys(other))] == own
        and len(own) < len(keys)
        and not {"where", "unique", "include", "method"} & other.keys()
    ]


# What is told ----------------------------------------------------------------------------------------------------


def advice(trial: Trial, chosen: Sequence[tuple[IndexCandidate, list[Helped]]], catalog: Catalog) -> list[Advice]:
    """Return the chosen indexes as steps."""
    taken = {(key.name[0], key.name[1]) for key in catalog.rows if len(key.name) > 1}
    taken |= {(table[0], str(one["name"])) for table, own in trial.there.items() for one in own}
    found = []
    for one, helped in chosen:
        schema, table = one.table
        tried = trial.tried[one]
        columns = [_word(each) for each in tried.spec["columns"]]
        name = _free(f"{table}_{'_'.join(columns)}", schema, taken)
        taken.add((schema, name))
        spec = {**tried.spec, "name": name, **table_place(schema, table)}
        part = f", where {spec['where']}" if "where" in spec else ""
        step = {"name": f"{table} by {', '.join(columns)}{part}", "index": spec}
        found.append(Advice(one, step, tried, helped, _superfluous(trial, one)))
    return found


def _word(column: Any) -> str:
    """Return what an index's column is called in the index's name."""
    if isinstance(column, dict):
        return str(column["column"]) if "column" in column else "expr"
    return str(column).partition(" ")[0].strip('"')


def _free(name: str, schema: str, taken: Collection[tuple[str, str]]) -> str:
    """Return a name for an index as PostgreSQL would choose it: one that nobody has."""
    for number in range(len(taken) + 1):
        made = shortened(name, f"_idx{number or ''}")
        if (schema, made) not in taken:
            return made
    return name


def rest(number: int) -> list[Finding]:
    """Return what is said where more indexes would help than are advised at once."""
    if not number:
        return []
    told = f"{counted(number, 'more query', 'more queries')} would get cheaper by further indexes"
    remedy = f"put those {MOST} into the playbook first: they change what others are worth; then analyze again"
    return [Finding(CODE, INFO, told, remedy=remedy, source=SOURCE)]


def finding(
    one: Advice,
    trial: Trial,
    counts: Mapping[str, Count],
    statistics: StatisticsFile,
    depends: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
) -> Finding:
    """Return what is told of an index: whom it helps, what it costs, and the step; `names` has those for what plans call them."""
    label = ".".join(one.candidate.table)
    columns = ", ".join(_word(each) for each in one.step["index"]["columns"])
    part = f" where {one.step['index']['where']}" if "where" in one.step["index"] else ""
    first = one.helped[0]
    more = f" and {counted(len(one.helped) - 1, 'more query', 'more queries')}" if len(one.helped) > 1 else ""
    return Finding(
        CODE,
        INFO,
        f"an index on {label} ({columns}){part} makes the query {first.subject.name!r}{more} cheaper: "
        f"cost {first.before.cost:,.0f}, with it {first.after.cost:,.0f}",
        label,
        columns,
        evidence=tuple(
            [
                *(_gain(each, counts, depends, names) for each in one.helped),
                _price(one, statistics, trial.by),
                *(f"the index {name} is superfluous then: its columns begin the new one" for name in one.superfluous),
                *lines_of(one.step),
            ]
        ),
        remedy="put the step into the playbook: the index is built while others write",
        where=first.subject.position,
        source=SOURCE,
    )


def names_of(trial: Trial, advised: Sequence[Advice]) -> dict[str, str]:
    """Return, for what plans call the indexes that were tried, the names that are advised."""
    found = {}
    for name, each in trial.names.items():
        of = next((one for one in advised if each == one.candidate or _begins(each, one.candidate)), None)
        if of is not None:
            found[name] = str(of.step["index"]["name"])
    return found


def _gain(
    one: Helped, counts: Mapping[str, Count], depends: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> str:
    way = _WORD.sub(lambda word: names.get(word.group(), word.group()), one.after.way)
    times = f"{one.before.cost / max(one.after.cost, 0.01):,.0f} times less"
    count = counts.get(one.subject.key)
    called = f"; {counted(count.calls, 'call')}, {count.mean:.1f} ms each" if count else ""
    unsure = f"; depends on what was left out: {', '.join(found)}" if (found := depends.get(one.subject.name)) else ""
    return f"{one.subject.name}: {times} ({way}, was {one.before.way}){called}{unsure}"


def _price(one: Advice, statistics: StatisticsFile, by: str) -> str:
    """Return what the index takes: space, and an entry for each row that is written."""
    share = f"{100 * one.tried.share:.0f}" if one.tried.share >= 0.01 else "less than 1"
    of = f", {share} % of the rows" if one.candidate.where else ""
    size = f"about {format_size(one.tried.pages * _PAGE)} on disk{of} ({by})"
    names = [one.candidate.table, *_below(one.candidate.table, statistics)]
    traffic = [said["traffic"] for name in names if (said := statistics.find(*name)) and said.get("traffic")]
    if not traffic:
        return f"{size}; how much is written is not known"
    inserted, updated, hot = (sum(each.get(what) or 0 for each in traffic) for what in ("inserted", "updated", "hot"))
    since = statistics.document.get("counted_since")
    when = f" since {since[:16].replace('T', ' ')}" if since else ""
    kept = f"; {hot:,} updates left the indexes alone, those that change its columns will not" if hot else ""
    return f"{size}; it is written too with the writes{when or ' so far'}: {inserted:,} inserts, {updated - hot:,} updates{kept}"


def _below(table: Table, statistics: StatisticsFile) -> list[Table]:
    """Return the partitions of a table, at any depth."""
    own = [(one["schema"], one["name"]) for one in statistics.tables if tuple(one.get("parent", ())) == table]
    return [*own, *(below for one in own for below in _below(one, statistics))]
