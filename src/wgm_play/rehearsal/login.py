"""Who tries things on the copy of a whole cluster: nobody who is a superuser.

In: a scratch server that an engine gave, as whom production is reached. Out: the same with the URL of such a login, and with
its event triggers silent. A copy of one database has all that already.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play.backup import target
from wgm_play.backup.copying import silence
from wgm_play.render import render
from wgm_play.secret import register

if TYPE_CHECKING:
    from wgm_play.backup.base import ScratchServer

APPLICATION = "wgm-play rehearse"


def with_own_login(copy: ScratchServer, name: str, *, superuser: bool) -> ScratchServer:
    """Return a copy of a cluster to be tried as the role `name`, or where that is a superuser as one of ours, which is none."""
    password = secrets.token_urlsafe(18)
    register(password)
    with target.connect(copy.admin, APPLICATION) as admin:
        silenced = silence(admin)
        if superuser:
            name = f"wgm_{secrets.token_hex(6)}"
            admin.execute(render("rehearsal/login.sql.j2", login=name, password=password).sql)
            admin.execute(render("rehearsal/own.sql.j2", login=name).sql)
            admin.execute(render("rehearsal/join_roles.sql.j2", login=name).sql)
        else:
            admin.execute(render("role/password.sql.j2", name=name, verifier=password).sql)
        database = admin.info.dbname
    url = target.with_database(copy.admin, database, user=name, password=password)
    return replace(copy, url=url, silenced=tuple(silenced))
