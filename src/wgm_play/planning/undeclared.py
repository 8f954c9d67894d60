"""What would go although no step says so: renames that nobody declared, overloads left behind, live objects in no step.

In: the live catalog, what is wanted, what steps declare. Out: `Refused` for what somebody must say first.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState, Removal
from wgm_play.errors import Position, Refused
from wgm_play.planning import rename
from wgm_play.playbook.model import Declarations
from wgm_play.quantities import counted


def refuse_suspected(current: Catalog, wanted: DesiredState, folded: Declarations, step_names: Sequence[str]) -> None:
    """Refuse what disappears while something alike appears: it may be a rename."""
    removed = [removal.key for removal in wanted.unsaid]
    _refuse_left_behind(current, wanted, folded, step_names)
    found = rename.suspected(current, wanted.catalog, folded.declarations, removed)
    if not found:
        return
    old, new, line = found[0]
    step = wanted.steps.get(new, -1)
    raise Refused(
        f"{old} disappears while {new} appears: is it renamed?",
        where=_place(folded, new),
        step=step_names[step] if 0 <= step < len(step_names) else None,
        details=[f"{gone} -> {come.name[-1]}: add `{text}` to {come.name[-1]!r}" for gone, come, text in found],
        hint=f"add `{line}`, or say that no rename is meant: `renames: none` in the play, or --assume-no-renames",
    )


def _refuse_left_behind(
    current: Catalog, wanted: DesiredState, folded: Declarations, step_names: Sequence[str]
) -> None:
    found = rename.left_behind(current, wanted.catalog, wanted.managed)
    if not found:
        return
    old, new = found[0]
    step = wanted.steps.get(new, -1)
    users = [str(one) for one, used in sorted(current.edges) if used == old]
    arguments = old.name[2].replace('"', "'")
    raise Refused(
        f"{new} comes beside {old}, which no step declares: was its list of arguments edited?",
        where=_place(folded, new),
        step=step_names[step] if 0 <= step < len(step_names) else None,
        details=[
            *(f"{one} stays as it is, and calls that fit both become ambiguous" for one, _ in found),
            *(f"{one} goes on using {old}" for one in dict.fromkeys(users)),
        ],
        hint=f'to replace it, add a step `{old.kind}: {{name: {old.name[1]}, arguments: "{arguments}"}}` with `state: absent`; to keep'
        " both, declare it too, or say `renames: none` in the play or --assume-no-renames",
    )


def _place(folded: Declarations, key: Key) -> Position | None:
    for declaration in folded.declarations.values():
        if key in declaration.parts:
            return declaration.parts[key].position
    return folded.declarations[key].position if key in folded.declarations else None


def refuse_unsaid(wanted: DesiredState, live: Catalog) -> None:
    """Refuse to remove live objects that no step mentions."""
    found = [*wanted.unsaid, *wanted.taken]
    if not found:
        return
    first = found[0]
    advice = f"add `{first.key.name[-1]}: {{state: absent}}`, declare it"
    if first.uses is not None:
        advice = f"declare {'it' if len(found) == 1 else 'them'}, give each a step with `state: absent`"
    raise Refused(
        f"{counted(len(found), 'live object')} in no step would be removed",
        where=first.position,
        details=[_removal(removal, live) for removal in found],
        hint=f"{advice}, or allow it with --allow-destructive",
    )


def _removal(removal: Removal, live: Catalog) -> str:
    """Return an object that would go, with what it uses and who has privileges on it."""
    key = removal.key
    said = f"{key} uses {removal.uses}, which goes" if removal.uses else str(key)
    granted = [one.name[-1] for one in live.of("grant", key.kind, *key.name)]
    return f"{said}; its privileges for {', '.join(granted)} go as well" if granted else said
