"""What a play declares, as a server describes it: from the cache, or made in a scratch database and read back.

In: what is to be planned, its target. Out: a `Realised` catalog, in the live server's words where they tell the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import touched
from wgm_play.catalog.model import Catalog, Key, digest
from wgm_play.planning.edited_part import EditedPart
from wgm_play.planning.imperative import Already, Unchecked, broken_bodies
from wgm_play.planning.privileges import Skips
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.planning.versions import restated, said_otherwise, same_words, with_expressions
from wgm_play.playbook.model import Declaration, Declarations
from wgm_play.shadow import BATCH, names_of
from wgm_play.shadow.lacking import Extensions, extensions
from wgm_play.shadow.realise import Realised, realise, schemas_of
from wgm_play.shadow.superuser import MADE_FOR_OTHERS, listed

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


def realised_of(request: PlanRequest, target: PlanTarget, folded: Declarations, skips: Skips) -> tuple[Realised, bool]:
    """Return the declared objects as the server describes them, and whether they were made for that.

    They come from the cache where nothing they say changed.
    """
    imperative = request.imperative
    imperative.live = request.live
    if request.part is not None:
        return _realise_part(request, target, request.part, skips), True
    mark = _mark(request, target, folded)
    kept = target.cache.load(mark)
    if kept is not None and _holds(target, kept.catalog):
        skips.restore(kept.skipped)
        imperative.unchecked.update(tuple(one) for one in kept.unchecked)
        return Realised(kept.catalog), False
    with target.shadow().database(rolled_back=_in_one_transaction(request, target, folded.declarations)) as connection:
        realised = realise_in(connection, request, target, folded, skips)
        with names_of(connection, schemas_of(folded.declarations)):
            already = _broken_already(request, target, realised)
            sound = imperative.check(connection, realised, request.play, folded, already)
    if sound and not realised.borrowed:
        target.cache.save(mark, realised.catalog, skips.kept(), imperative.unchecked)
    return realised, True


def realise_in(
    connection: Connection, request: PlanRequest, target: PlanTarget, folded: Declarations, skips: Skips
) -> Realised:
    """Make the declared objects in a scratch database, and read them back."""
    with names_of(connection, schemas_of(folded.declarations)):
        declarations = _given(connection, request, target, folded.declarations, skips)
    realised = realise(
        connection, declarations, request.live, extensions=_extensions(connection, request, target, skips)
    )
    skips.add_recorded(realised.catalog)
    return realised


def _given(
    connection: Connection,
    request: PlanRequest,
    target: PlanTarget,
    declarations: Mapping[Key, Declaration],
    skips: Skips,
) -> Mapping[Key, Declaration]:
    """Return the declarations without optional ones that the server does not give."""
    own = target.shadow().own
    found = skips.try_optional(connection, declarations, request.live, target.connection, own=own)
    return skips.without_missing_extensions(connection, found, request.live, target.connection, own=own)


def _in_one_transaction(request: PlanRequest, target: PlanTarget, declarations: Mapping[Key, Declaration]) -> bool:
    """Tell whether declarations can be made in one transaction: what a superuser makes sees what is committed alone."""
    texts = [statement.sql for one in declarations.values() for statement in (*one.statements, *one.late)]
    if len(texts) > BATCH:
        return False
    return not target.shadow().confined or not (
        any(map(listed, texts)) or any(key.kind in MADE_FOR_OTHERS for key in request.live.rows)
    )


def _broken_already(request: PlanRequest, target: PlanTarget, realised: Realised) -> Already:
    """Return what tells of errors in bodies whether they are in the live database too, where nothing changed."""
    live, schemas = request.live, schemas_of(request.folded.declarations)

    def errors(keys: Sequence[Key]) -> Collection[Unchecked]:
        same = [key for key in keys if live.rows.get(key) == realised.catalog.rows[key]]
        if not same:
            return ()
        with target.shadow().database() as connection:
            found = broken_bodies(connection, live, same, schemas)
        return {said for _, said in found}

    return errors


def _realise_part(request: PlanRequest, target: PlanTarget, part: EditedPart, skips: Skips) -> Realised:
    """Return what a part of the play declares, made on top of what it needs."""
    live = request.live
    made: Mapping[Key, Declaration] = part.declarations()
    if not part.folded.declarations:
        return Realised(Catalog(version=live.version))
    with target.shadow().database(rolled_back=_in_one_transaction(request, target, made)) as connection:
        with names_of(connection, part.schemas):
            made = _given(connection, request, target, made, skips)
        found = _extensions(connection, request, target, skips)
        realised = realise(connection, made, live, part.schemas, found)
        skips.add_recorded(realised.catalog)
        with names_of(connection, part.schemas):
            bodies = {key: one for key, one in made.items() if key in part.checked}
            asked = part.imperative
            asked.check(connection, realised, asked.play, replace(asked.folded, declarations=bodies))
    return Realised(part.own(realised.catalog), realised.borrowed)


def _extensions(
    connection: Connection, request: PlanRequest, target: PlanTarget, skips: Skips
) -> Callable[[], Extensions | None]:
    """Return how to find out what the target's extensions hold; asked where something fails in the shadow."""
    shown = target.shadow().place.shown
    return functools.cache(lambda: extensions(connection, request.live, skips.recorded, target.connection, shown))


def _holds(target: PlanTarget, kept: Catalog) -> bool:
    """Tell whether a kept catalog is in the target's words, or in those of the shadow that there is now."""
    version = target.connection.info.server_version
    return same_words(kept.version, version) or same_words(kept.version, target.shadow().version)


def _mark(request: PlanRequest, target: PlanTarget, folded: Declarations) -> str:
    """Return what the realised catalog depends on: the SQL of all steps, what is checked with it, the server."""
    made, server, play = hashlib.sha256(), target.connection.info, request.play
    made.update(str(server.server_version).encode())
    made.update(repr(request.environment.shadow).encode())
    made.update(f"{server.user}@{server.host}:{server.port}".encode())
    for key, declaration in folded.declarations.items():
        texts = [statement.sql for statement in (*declaration.statements, *declaration.late)]
        made.update(repr((key, texts, declaration.absent, declaration.required, dict(declaration.attributes))).encode())
    made.update(request.imperative.mark().encode())
    made.update(repr(sorted((alert.name, list(map(str, alert.texts()))) for alert in play.alerts)).encode())
    made.update(repr(sorted((one.name, str(one.query)) for one in play.queries)).encode())
    return made.hexdigest()


# A server may describe the same in other words


def in_words_of_shadow(target: PlanTarget, current: Catalog, realised: Realised) -> Catalog:
    """Return the live catalog as the server that realised the declarations would write it."""
    alike = same_words(realised.catalog.version, current.version)
    keys = said_otherwise(current, realised.catalog) if alike else touched(current, realised.catalog.rows)
    if not keys:
        return current
    mark = f"words {realised.catalog.version} {digest({key: current.rows[key] for key in keys})}"
    mark = hashlib.sha256(mark.encode()).hexdigest()
    kept = target.cache.load(mark)
    if kept is None:
        with target.shadow().database() as connection:
            said = restated(connection, current, keys).only(keys)
        target.cache.save(mark, said, [])
    else:
        said = kept.catalog
    result = current.copy()
    for key, row in said.rows.items():
        result.rows[key] = with_expressions(key.kind, current.rows[key], row) if alike else row
    return result


def in_own_words(wanted: Catalog, spoken: Catalog, current: Catalog) -> None:
    """Give each wanted object that is live already the words in which it is live."""
    if spoken is current:
        return
    same = [key for key, row in wanted.rows.items() if key in current.rows and spoken.rows.get(key) == row]
    for key in same:
        wanted.rows[key] = current.rows[key]
