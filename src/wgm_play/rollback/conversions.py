"""How converted columns get their values back: from where they lie, or by the expression that was recorded.

In: entries of the ledger's trash. Out: conversions, and the events that use up their records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wgm_play.catalog.model import Catalog, Key, Row, field_of
from wgm_play.ledger import TrashEntry
from wgm_play.operations.base import Change
from wgm_play.operations.online.spell import renamed_columns
from wgm_play.operations.trash import kept_rows
from wgm_play.planning import rename
from wgm_play.planning.convert import Conversion, KeptValues, active, back_to_kept
from wgm_play.rollback import from_trash
from wgm_play.rollback.past import Past
from wgm_play.sql import Sql, ident


def _converted(entries: Sequence[TrashEntry]) -> set[Key]:
    """Return the columns whose values were converted by those who left these entries."""
    return {
        Key("column", tuple(entry.name))
        for entry in entries
        if entry.kind == "column" and entry.definition.get("replaced")
    }


def conversions(
    past: Past,
    current: Catalog,
    wanted: Catalog,
    renamed: rename.Renamed,
    castable: Callable[[str, str], bool],
) -> tuple[dict[Key, Any], frozenset[Key]]:
    """Return how converted columns become what they were, from what was recorded when they were converted.

    Those that a rollback which was cut short has converted are so already.
    """

    def spelled(expression: str, key: Key) -> Sql:
        words = {
            now.name[2]: old.name[2]
            for old, now in renamed.pairs.items()
            if now.kind == "column" and now.name[:2] == key.name[:2]
        }
        return renamed_columns(Sql(expression), words) if words else Sql(expression)

    entries, done = past.entries, _converted(past.done)
    found: dict[Key, Conversion] = {}
    backs: dict[tuple[Key, int], Sql] = {}
    for entry in entries:
        if entry.kind == "conversion" and entry.definition["back"]:
            key = Key("column", tuple(entry.name))
            back = backs[key, entry.run] = spelled(entry.definition["back"], key)
            found[renamed.after(key)] = Conversion(back, Sql(entry.definition["using"]))
    moved = {str(ident(one.name)) for one in from_trash.replaced(entries)}
    replaced = _kept(entries, current)
    for key, kept in replaced.items():
        values = [
            KeptValues(
                entry.trash_name[2],
                str(field_of("column", row, "type")),
                _over_old_values(spelled(entry.definition["using"], key), key, entry.run, replaced),
                backs.get((key, entry.run)),
                str(field_of("column", row, "type")).removesuffix("[]") in moved,
            )
            for entry, row in kept
        ]
        new = renamed.after(key)
        if new not in current.rows:
            continue
        found[new] = back_to_kept(new.name[2], str(current.value(new, "type")), values, castable, current, wanted)
    return active({key: one for key, one in found.items() if key not in done}, current, wanted)


def _kept(entries: Sequence[TrashEntry], current: Catalog) -> dict[Key, list[tuple[TrashEntry, Row]]]:
    """Return, by column, where the values lie that conversions replaced, the last first."""
    found: dict[Key, list[tuple[TrashEntry, Row]]] = {}
    for entry in sorted(entries, key=lambda one: one.at, reverse=True):
        place = Key("column", tuple(entry.trash_name))
        if entry.kind == "column" and "using" in entry.definition and Key("table", place.name[:2]) in current.rows:
            found.setdefault(Key("column", tuple(entry.name)), []).append((entry, kept_rows(entry.definition)[place]))
    return found


def _over_old_values(using: Sql, key: Key, run: int, replaced: Mapping[Key, Sequence[tuple[TrashEntry, Row]]]) -> Sql:
    """Return what was computed, where it names other columns that were converted with it: of their old values."""
    places = {
        other.name[2]: entry.trash_name[2]
        for other, kept in replaced.items()
        if other != key and other.name[:2] == key.name[:2]
        for entry, _ in kept
        if entry.run == run
    }
    return renamed_columns(using, places) if places else using


def mark_conversions(changes: Sequence[Change], entries: Sequence[TrashEntry], renamed: rename.Renamed) -> None:
    """Say with the change that takes a conversion back that its record is used up."""
    places: dict[Key, TrashEntry] = {}
    for entry in entries:
        if entry.kind == "conversion":
            key = Key("column", tuple(entry.name))
            places[renamed.after(key)] = entry
    for change in changes:
        found = places.get(change.operation.key)
        if found is not None and "convert" in change.operation.payload:
            made = change.operation.payload.get("trash") or []
            others = [one for one in (made if isinstance(made, list) else [made]) if one["kind"] != "conversion"]
            used_up = {
                "event": "restored",
                "kind": "conversion",
                "name": list(found.name),
                "trash_name": list(found.trash_name),
                "definition": {},
            }
            change.operation.payload["trash"] = [*others, used_up]


def fills(current: Catalog, wanted: Catalog, brought: set[Key]) -> dict[Key, Sql]:
    """Rows that were written since get the default where a returning rule forbids NULL."""
    fills: dict[Key, Sql] = {}
    for key in wanted.rows:
        if key.kind == "column" and key in brought and wanted[key].not_null and wanted[key].default is not None:
            fills[key] = Sql(wanted[key].default)
    return fills
