"""What a rollback wants: the live catalog with what the runs changed as it was before them.

In: the live catalog, snapshots of the ledger. Out: `DesiredState`; what others did since stays.
"""

from __future__ import annotations

from wgm_play.catalog.kinds import CLUSTER
from wgm_play.catalog.model import Catalog
from wgm_play.desired.model import DesiredState
from wgm_play.rollback import others
from wgm_play.rollback.past import Past


def wanted(live: Catalog, past: Past) -> DesiredState:
    """Return the live catalog with what the runs changed as it was before them; what others did since stays.

    What they renamed gets its old name back. What a rollback changed that was cut short is no work of others: it is as that
    one found it.
    """
    target, latest, began_at = past.before, past.after, past.began_at
    made = DesiredState(live.copy())
    if began_at is not None:
        for key, row in began_at.rows.items():
            if live.rows.get(key) != row and key.kind not in CLUSTER:
                made.catalog.rows[key] = row
                made.catalog.extras.setdefault(key, began_at.extra(key))
        moved = {key for key in live.of("table") if live.rows[key] != began_at.rows.get(key) and key in target.rows}
        for key in others.inside(live, moved):
            if key not in began_at.rows and key not in target.rows:
                made.catalog.rows.pop(key, None)
    for key in {*target.rows, *latest.rows}:
        if target.rows.get(key) == latest.rows.get(key):
            continue
        if key in target.rows:
            made.catalog.rows[key] = target.rows[key]
            made.catalog.extras[key] = target.extra(key)._replace(oid=live.extra(key).oid)
        else:
            made.catalog.rows.pop(key, None)
    others.settle(live, made.catalog, latest, past.renamed)
    changed = {key for key in target.rows if target.rows[key] != latest.rows.get(key)}
    made.managed = frozenset(changed)
    made.known = frozenset(key for key in latest.rows if key.kind in CLUSTER)
    made.catalog.edges = frozenset(
        {edge for edge in live.edges if edge[0] not in changed}
        | {edge for edge in target.edges if edge[0] in made.catalog.rows}
    )
    return made
