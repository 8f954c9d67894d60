"""Plan the part of a play that an edit touches, where the rest is known to be as it was found right.

In: the last run (what it left: the live catalog and the digest of what each step said), the folded play. Out:
`Planned` as the full way makes it, or None: then the full way is taken. It is also taken for every error, because it
knows all names that a hint may suggest.

Three parts of the play are told apart. What is *edited* is said in other words than at the time of the last run. What is
*around* it names it, or depends on it: it is realised again, and must come out as it is live. What is *needed* by both
is only made in the scratch database so that they can be. All else is said as it was, names nothing that was edited and
depends on nothing that was edited, so that PostgreSQL would describe it as it did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play.catalog.graph import closure, object_of, root_of, touched
from wgm_play.catalog.kinds import (
    ACCESS,
    AS_ROWS,
    CLUSTER,
    EDITABLE,
    NAMING_ROLE,
    OF_OBJECT,
    OF_TABLE,
    ON_TABLE,
    VIEWS,
    WITH_BODY,
)
from wgm_play.catalog.model import Catalog, Key, Rows, digest
from wgm_play.errors import WgmError
from wgm_play.operations.order import constraints_without_index, name_space
from wgm_play.planning import role_passwords
from wgm_play.planning.edited_part import EditedPart, bare, is_of
from wgm_play.planning.imperative import names_in
from wgm_play.planning.planner import plan
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.fold import digest_of, mentioning
from wgm_play.playbook.model import Declaration
from wgm_play.shadow.realise import schemas_of

if TYPE_CHECKING:
    from wgm_play.planning.model import LastRun, Planned

# What is made in the scratch database only where it is needed; of all other kinds (types, operators, …) there are few,
# and they are needed without being named.
WHERE_NEEDED = EDITABLE | ACCESS | NAMING_ROLE | {"foreign_table"} | {"publication"} | {"event_trigger"} | {"comment"}
# Nothing needs them.
UNNEEDED = ON_TABLE | {"grant"}
# What names an edited object and is itself named by others that must be looked at.
_PASSED_ON = VIEWS | WITH_BODY
# A larger share of the objects is not worth it, nor is a part that grows more often.
MOST = 0.3
_ROUNDS = 3
OF_NO_OBJECT = CLUSTER | AS_ROWS | {"default_privileges"} | {"schema"} | {"extension"}


def plan_part(request: PlanRequest, target: PlanTarget, last: LastRun) -> Planned | None:
    """Plan the edited part; None where the full way must be taken."""
    said = request.folded.said
    edited = {key for key, text in said.items() if last.said.get(key) != digest_of(text)}
    edited |= last.said.keys() - said.keys()
    if role_passwords.to_set(target.connection, request.folded.declarations, last.live):
        return None  # no row that may be read tells of it
    unknown = list(request.imperative.unknown)
    for _ in range(_ROUNDS):
        part = _part(request, last, edited)
        planned = _planned(request, target, part) if part is not None else None
        if part is None or planned is None or _takes_a_name(part, last, planned):
            break
        also = _changed(part, planned) - edited
        if not also:
            return _whole(request, last, part, planned)
        # A view over a column of another type is another view: what depends on it belongs to the part too.
        edited |= also
        request.imperative.unknown[:] = unknown
    request.imperative.unknown[:] = unknown
    return None


def _planned(request: PlanRequest, target: PlanTarget, part: EditedPart) -> Planned | None:
    import psycopg as library

    try:
        found = plan(
            replace(request, folded=part.folded, live=part.live, part=part), replace(target, stack=ExitStack())
        )
    except (WgmError, library.Error):
        return None
    return None if found.plan.skipped else found


def _part(request: PlanRequest, last: LastRun, edited: Collection[Key]) -> EditedPart | None:
    play, said = request.play, request.folded.said
    if play.prune or request.choices.selected is not None or any(step.deferred for step in play.steps):
        return None
    if not all(editable(key, request.folded.declarations.get(key)) for key in edited):
        return None
    declared = request.folded.declarations
    # A comment on what a step declares is part of its declaration.
    around = {key for key in around_of(said, edited, last.live) if key.kind != "comment" or key in declared}
    if len(around) > max(MOST * len(said), 30) or any(key.kind not in EDITABLE for key in around):
        return None
    imperative = request.imperative.naming({called(key) for key in around})
    roots = {bare(key) for key in around}
    touching = [key for key in last.live.rows if is_of(key, last.live, roots)]
    named = _named(said, around, imperative.texts(), last.live)
    about = {bare(object_of(key)) for key in around if key.kind in OF_OBJECT}
    named |= {key for key in last.live.rows if bare(key) in about}
    seeds = [seed.table for seed in request.imperative.folded.seeds]
    keys = touched(last.live, [*touching, *seeds]) | closure(last.live, [*touching, *named])
    if any(_has_family(last.live, key) for key in keys):
        return None
    live = last.live.only(keys | _of_cluster(last.live, keys))
    skipped = {key for key, *_ in last.skipped}
    if not skipped.isdisjoint(around):
        return None
    needed = _needed(declared, around | skipped, keys, last.live)
    return EditedPart(
        replace(request.folded, declarations={key: one for key, one in declared.items() if key in around}),
        needed,
        live,
        frozenset(edited),
        frozenset(touching),
        tuple(schemas_of(declared)),
        frozenset(_checked(said, around)),
        imperative,
    )


def editable(key: Key, declaration: Declaration | None) -> bool:
    """Tell whether the part around an edited object can be planned by itself."""
    if key.kind not in EDITABLE:
        return False
    if declaration is None or declaration.absent:
        return True
    renamed = declaration.renamed_from or any(part.renamed_from for part in declaration.parts.values())
    return declaration.required and not renamed


def called(key: Key) -> str:
    """Return the name without its schema of an object, or of what a privilege is on."""
    name = object_of(key).name if key.kind in OF_OBJECT else key.name
    return name[min(1, len(name) - 1)] if name else ""


def around_of(said: Mapping[Key, str], edited: Iterable[Key], live: Catalog) -> set[Key]:
    """Return what is edited, what names it or depends on it, and what names a view or routine among these."""
    found = set(edited)
    roots = {bare(key) for key in found}
    declared: dict[Key, list[Key]] = {}
    for key in said:
        declared.setdefault(bare(key), []).append(key)
    places = {root.name[:2] for root in roots}
    for dependent, referenced in live.edges:
        if referenced.name[:2] in places and dependent in live.rows and is_of(referenced, live, roots):
            found.update(declared.get(bare(dependent), ()))
            found.update(declared.get(bare(root_of(live, dependent)), ()))
    frontier = set(found)
    while frontier:
        more = mentioning(said, frontier) - found
        found |= more
        frontier = {key for key in more if key.kind in _PASSED_ON}
    about = {bare(key) for key in found}
    return found | {key for key in said if key.kind in OF_OBJECT and bare(object_of(key)) in about}


def _named(said: Mapping[Key, str], around: Iterable[Key], texts: Iterable[str], live: Catalog) -> set[Key]:
    """Return the live objects that `texts` and those of `around` name, and those that routines among them name in turn."""
    by_name: dict[str, list[Key]] = {}
    for key in live.rows:
        if key.kind not in OF_TABLE | ACCESS:
            by_name.setdefault(key.name[min(1, len(key.name) - 1)], []).append(key)
    by_root: dict[Key, list[Key]] = {}
    for key in said:
        by_root.setdefault(bare(key), []).append(key)
    found: set[Key] = set()
    seen = set(around)
    todo = [*texts, *(said[key] for key in seen if key in said)]
    while todo:
        for word in names_in(todo.pop()):
            for key in by_name.get(word, ()):
                if key in found:
                    continue
                found.add(key)
                for one in by_root.get(bare(key), ()):
                    if one.kind in WITH_BODY and one not in seen:
                        seen.add(one)
                        todo.append(said[one])
    return found


def _checked(said: Mapping[Key, str], around: Collection[Key]) -> Iterator[Key]:
    """Yield the routines to check: those of the part, and what its triggers call."""
    called = {word for key in around if key.kind == "trigger" for word in names_in(said.get(key, ""))}
    for key in said:
        if key.kind in WITH_BODY and (key in around or key.name[1] in called):
            yield key


def _has_family(live: Catalog, key: Key) -> bool:
    return key.kind == "table" and bool(live.value(key, "parents") or live.value(key, "partition_by"))


def _of_cluster(live: Catalog, keys: set[Key]) -> set[Key]:
    """Return the owners and privileges of `keys`, and what belongs to no object."""
    found = set()
    for key in live.rows:
        if key.kind in OF_OBJECT:
            if key.name[0] in ("database", "language", "role") or object_of(key) in keys:
                found.add(key)
        elif key.kind in OF_NO_OBJECT:
            found.add(key)
    return found


def _needed(
    declared: Mapping[Key, Declaration], around: set[Key], keys: Iterable[Key], live: Catalog
) -> dict[Key, Declaration]:
    """Return the declarations that must be made besides, without what comes late: references to other tables."""
    roots = {bare(root_of(live, key)) for key in keys} | {bare(key) for key in keys}
    return {
        key: replace(one, late=())
        for key, one in declared.items()
        if key not in around
        and key.kind not in UNNEEDED
        and (key.kind not in WHERE_NEEDED or bare(key) in roots)
        and not one.absent
    }


def _changed(part: EditedPart, planned: Planned) -> set[Key]:
    """Return what is to change, as what steps declare it with."""
    have, want = part.live.rows, planned.wanted.catalog.rows
    declared = {bare(key): key for key in part.folded.said}
    found = set()
    for key in have.keys() | want.keys():
        if have.get(key) == want.get(key) or key.kind in OF_OBJECT:
            continue
        catalog = planned.wanted.catalog if key in want else part.live
        root = bare(key) if bare(key) in declared else bare(root_of(catalog, key))
        found.add(declared.get(root, root))
    return found


def _takes_a_name(part: EditedPart, last: LastRun, planned: Planned) -> bool:
    """Tell whether something new is called as something outside of the part."""
    have, want = part.live.rows, planned.wanted.catalog.rows
    new = [key for key in want if key not in have]
    if any(key in last.live.rows for key in new):
        return True
    bare = constraints_without_index(last.live, planned.wanted.catalog)
    spaces = {name_space(key) for key in new if key not in bare}
    return any(name_space(key) in spaces for key in last.live.rows if key not in have and key not in bare)


def _whole(request: PlanRequest, last: LastRun, part: EditedPart, planned: Planned) -> Planned:
    """Return the plan of the part as one of the whole: its catalogs are complete."""
    wanted, live = planned.wanted, last.live
    rows = Rows({key: row for key, row in live.rows.items() if key not in part.live.rows or key in wanted.catalog.rows})
    for key, row in wanted.catalog.rows.items():
        rows[key] = row
    again = {edge for edge in wanted.catalog.edges if edge[0] in part.touching or edge[0] not in live.rows}
    edges = {edge for edge in live.edges if edge[0] not in part.touching and edge[0] in rows} | again
    extras = {**live.extras, **wanted.catalog.extras}
    wanted.catalog = Catalog(rows, extras, frozenset(edges), live.unmodelled, live.version)
    kept = {key for key in last.managed if key not in part.touching and object_of(key) not in part.touching}
    wanted.managed |= kept
    wanted.outside = list(last.outside)
    declared = request.folded.declarations
    planned.skips.entries = [(declared[key].step, reason, text, key) for key, reason, text in last.skipped]
    plan = replace(planned.plan, from_digest=last.digest, to_digest=digest(rows), skipped=tuple(planned.skips.listed()))
    return replace(planned, plan=plan, live=live, snapshot=last.snapshot)
