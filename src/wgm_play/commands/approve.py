"""`approve`: let a saved plan be run; `promote --prepare`: let those who may say so write it down.

In: a plan file, a play's work. Out: a row in the ledger, or a signed file beside the plan.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from wgm_play.errors import InputError, Refused
from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.statements import run, send, text
from wgm_play.promotion import approval, signing
from wgm_play.promotion.identity import identity_of, same
from wgm_play.promotion.revision import GitError, NotFetched, short
from wgm_play.quantities import counted
from wgm_play.run.requirements import made_by

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def approve(work: PlaySession, options: Options, reporter: Reporter, key: str | None) -> int:
    """Approve the plan file that the options name."""
    path = Path(str(options.plan))
    data = approval.data_of(path)
    if data.get("environment") != work.environment.name:
        raise InputError(f"the plan is for {data.get('environment')!r}, not for {work.environment.name!r}")
    digest, saved = approval.digest_of(data), data.get("saved", {})
    operations = sum(len(group["operations"]) for group in data["groups"])
    by = saved.get("email") or saved.get("role") or "somebody unknown"
    reporter.note(f"{path.name}: {counted(operations, 'operation')} on {work.environment.name}, saved by {by}")
    if key is not None:
        who = Path(key).name.removesuffix(".pub")
        file = path.with_name(f"{path.name}.{who}{approval.SUFFIX}")
        said = approval.statement(digest, work.environment.name, datetime.now(UTC), options.reason)
        signing.write(said, file, Path(key))
        reporter.note(f"approved: {file}, which goes with the plan")
        return 0
    who = _insert(work, data, digest, options, reporter)
    reporter.note(f"approved by {who}: the ledger of {work.environment.name} has it")
    return 0


def _insert(work: PlaySession, data: dict[str, object], digest: str, options: Options, reporter: Reporter) -> str:
    """Write the row; return the login that the server wrote."""
    said = data.get("saved")
    saved = said if isinstance(said, dict) else {}
    database = saved.get("database", "")
    with work.connections.writing("wgm-play/approve") as connection:
        if not database or not same(str(database), identity_of(connection)):
            raise Refused("the plan was saved for another database than this one", hint="look at --url, or plan again")
        try:
            with connection.transaction():
                decided.insert_approval(connection, digest, options.reason)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable) as error:
            raise Refused(
                f"the login {connection.info.user!r} may not approve here: {error.diag.message_primary}",
                hint="name it under promotion: approvers:, and let the owner of the ledger run wgm-play promote PLAYBOOK --prepare; "
                "or sign: --sign KEY",
            ) from error
        row = run(connection, "session_user").fetchone()
        who = str(row[0]) if row else ""
    try:
        authors = made_by(work, saved)
    except GitError as error:
        said = f"{short(str(error))} is not in this clone" if isinstance(error, NotFetched) else str(error)
        reporter.warn(f"who made the change is not known here: {said}")
        return who
    if approval.person(who) in {approval.person(one) for one in authors}:
        reporter.warn(
            f"{who} made the change or saved the plan: this approval will not count; let somebody else approve"
        )
    return who


def prepare(work: PlaySession, reporter: Reporter) -> int:
    """Make the ledger, and let the approvers of the environment write approvals."""
    promotion = work.environment.promotion
    approvers = promotion.approvers if promotion else ()
    if not approvers:
        raise InputError(
            "the environment names no approvers",
            where=promotion.position if promotion else work.environment.position,
            hint="promotion: {approvers: [anna]}; whoever signs (approve --sign) needs no login",
        )
    work.check_marker()
    with work.connections.writing("wgm-play/prepare") as connection, connection.transaction():
        missing = Ledger(connection).ensure((*work.environment.readers, *approvers))
        known = tuple(one for one in approvers if one not in missing)
        if known:
            send(connection, text("ledger/grant_approvers", approvers=known))
    for one in missing:
        reporter.warn(f"there is no role {one!r} on this server")
    reporter.note(f"may approve: {', '.join(known) or 'nobody'}")
    return 0
