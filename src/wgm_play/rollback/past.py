"""What the ledger knows of the runs to take back.

In: the ledger, the changes that are taken back, the newest first. Out: `Past`.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.catalog.kinds import CLUSTER
from wgm_play.catalog.model import Catalog, Key, Rows
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, RowChange, RunChange, SqlOnce, TrashEntry
from wgm_play.ledger.model import Consent


@dataclass(frozen=True, slots=True)
class Past:
    """The state `before` the runs and what the last of them left (`after`), and what they recorded.

    A rollback of them that was cut short `began_at` a state, and has converted the columns in `done` already. `entries` are
    what the runs put into the trash.
    """

    before: Catalog
    after: Catalog
    began_at: Catalog | None
    entries: Sequence[TrashEntry]
    done: Sequence[TrashEntry]
    sql: Sequence[SqlOnce]
    rows: Sequence[RowChange]
    consents: Sequence[Consent]

    @property
    def renamed(self) -> set[Key]:
        """What has got another name."""
        return {Key(one.definition["kind"], tuple(one.name)) for one in self.entries if one.kind == "rename"}


def ids_of(changes: Sequence[RunChange]) -> list[int]:
    """Return the numbers of the runs."""
    return [one for change in changes for one in change.ids]


def read_past(ledger: Ledger, changes: Sequence[RunChange], live: Catalog) -> Past:
    """Read what is known of changes. Raises `Refused` where the state before them is not in the ledger."""
    ids = ids_of(changes)
    before = ledger.snapshot_of(changes[-1].first.id, "before")
    if before is None:
        raise Refused(
            f"the snapshot before run {changes[-1].first.id} is not in the ledger", hint="restore the backup instead"
        )
    after = ledger.snapshot_of(changes[0].last.id, "after") or _without_others_roles(live, before)
    trashed = ledger.trash_entries()
    cut_short = {run.id for run in ledger.last_runs() if set(run.rolls_back) & set(ids)}
    return Past(
        before,
        after,
        ledger.snapshot_of(min(cut_short), "before") if cut_short else None,
        [entry for entry in trashed if entry.run in ids],
        [entry for entry in trashed if entry.run in cut_short],
        [row for row in ledger.sql_done() if row.run in ids and row.down is not None],
        ledger.row_changes(ids),
        ledger.consents(ids),
    )


def _without_others_roles(live: Catalog, target: Catalog) -> Catalog:
    """Return the live catalog without roles that the snapshot does not know: they are other databases' too, and a run
    that was cut short has not recorded which of them it made."""
    made = live.copy()
    made.rows = Rows({key: row for key, row in live.rows.items() if key.kind not in CLUSTER or key in target.rows})
    return made
