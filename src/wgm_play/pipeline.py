"""START HERE. What each command does, stage by stage, in the order of the data.

In: `Options` from the command line, a `Reporter` that speaks. Out: an exit code. Errors are `WgmError`s.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.errors import Found, InputError, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.options import PENDING, TOLD, Options, ReportOptions
from wgm_play.quantities import counted
from wgm_play.untrusted import refuse_run
from wgm_play.user_folder import left_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgm_play.finding import Finding
    from wgm_play.inspect.options import Inspection
    from wgm_play.lint.command import LintOptions
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.review.model import Review
    from wgm_play.run.up_to_date import UpToDateRecord
    from wgm_play.run.work import PlaySession


def apply(options: Options, reporter: Reporter) -> int:
    """Make each play's database so: open, known?, then for each play desired, live, diff, plan, and show or run it."""
    from wgm_play.run import up_to_date

    # What a killed command left is swept by the full way.
    if not options.untrusted and not left_behind() and up_to_date.answered(options, reporter):
        reporter.recap()
        return 0
    if not options.check:
        refuse_run(options)
    memory = up_to_date.UpToDateRecord(options, up_to_date.eligible(options))
    ends: list[End] = []
    for work in _plays(options, reporter):
        with work:
            ends.append(_apply_play(work, memory))
            ends.append(End(undelivered=_deliver(work)))
            _watch(work)
    reporter.recap()
    memory.keep()
    _tell_slower([one for end in ends for one in end.slower], options)
    _tell_undelivered([one for end in ends for one in end.undelivered])
    return max((end.code for end in ends), default=0)


@dataclass(frozen=True, slots=True)
class End:
    """How a play ended: its exit code, queries that it made slow, alerts that could not be delivered."""

    code: int = 0
    slower: Sequence[Finding] = ()
    undelivered: Sequence[Finding] = ()


def _apply_play(work: PlaySession, memory: UpToDateRecord) -> End:
    """Plan one play (desired, live, diff: `run/plans.py`), then show the plan, or run it (`run/running.py`)."""
    from wgm_play.run import plans, results, running

    options = work.options
    work.reporter.play(work.play.name, work.target)
    if work.left_out():
        memory.usable = False
        work.reporter.note("skipped: no step of this play is chosen")
        return End()
    _finish_watch(work)
    planned = plans.plan(work, partial=not options.plan, saved=options.plan)
    _mention_left_alone(work, planned)
    if options.check:
        return _show(work, planned)
    _record_flags(work)
    if not planned.plan.groups:
        return _nothing_to_do(work, planned, memory)
    memory.usable = False
    if options.diff:
        results.show_plan(work, planned, diff=True)
    return End(slower=running.run(work, planned))  # guard, backup, execute, converged, record


def _show(work: PlaySession, planned: Planned) -> End:
    """Show what a run would do, and what would refuse it now."""
    from wgm_play.run import guards, plans, results

    options = work.options
    for note in work.shadow_notes():
        work.reporter.note(note)
    if planned.plan.groups:
        guards.foretell(work, planned)
    results.show_plan(work, planned, diff=options.diff)
    if options.save_plan:
        plans.save(work, planned, Path(options.save_plan))
    results.report_unrun(work, planned)
    if work.environment.deliver:
        from wgm_play.commands.deliver import foretell

        foretell(work)
    return End(PENDING if options.detailed_exitcode and planned.plan.groups else 0)


def _nothing_to_do(work: PlaySession, planned: Planned, memory: UpToDateRecord) -> End:
    """Report a database that is as the play says; keep that for the next run."""
    from wgm_play.run import plans, results
    from wgm_play.run.evidence import let_read, witness

    left = results.report_ok(work, planned)
    let_read(work)
    plans.keep(work, planned, planned.live, planned.plan.from_digest, planned.snapshot)
    memory.quiet(work, planned, left)
    memory.usable = not witness(work, planned) and memory.usable
    return End()


def _mention_left_alone(work: PlaySession, planned: Planned) -> None:
    """Say what the play does not manage, and what the trash keeps of earlier runs."""
    outside = planned.wanted.outside
    if outside:
        work.reporter.note(f"{counted(len(outside), 'object')} outside of what the play manages: left alone")
    if planned.plan.groups:
        from wgm_play.commands.trash import mention

        mention(work, planned.plan, work.reporter)


def _record_flags(work: PlaySession) -> None:
    if work.flags:
        from wgm_play.run.evidence import record_flags

        record_flags(work)


def _finish_watch(work: PlaySession) -> None:
    """Finish a rollback of a failed watch that was cut short."""
    if work.play.after_changes is not None and not work.options.check:
        from wgm_play.commands.after_changes import finish

        finish(work)


def _watch(work: PlaySession) -> None:
    """Watch the database after a run, where the play says so and that has still to be done."""
    if work.play.after_changes is not None and not work.options.check:
        from wgm_play.commands.after_changes import watch as look_on

        look_on(work)


def _deliver(work: PlaySession) -> Sequence[Finding]:
    """Write the files of alerts where the environment wants them; return what could not be written."""
    if not work.environment.deliver:
        return ()
    from wgm_play.commands.deliver import deliver

    return deliver(work)


def _tell_slower(slower: Sequence[Finding], options: Options) -> None:
    """Raise `Found` where a run made queries slow."""
    if slower:
        told = [line for one in slower for line in (one.message, *(f"  {line}" for line in one.evidence))]
        hint = f"wgm-play rollback {options.playbook} takes it back; wgm-play analyze {options.playbook} tells more"
        raise Found("all is done, but queries have slower plans now", details=told, hint=hint)


def _tell_undelivered(undelivered: Sequence[Finding]) -> None:
    """Raise `Found` where alerts were not delivered."""
    if undelivered:
        told = [one.message for one in undelivered]
        raise Found("all is done, but the alerts were not delivered", details=told, hint=undelivered[0].remedy)


def _plays(options: Options, reporter: Reporter) -> list[PlaySession]:
    from wgm_play.run.opening import open_plays

    return open_plays(options, reporter)


def _only_play(options: Options, reporter: Reporter) -> PlaySession:
    return _only(_plays(options, reporter), options)


def _only_target(options: Options, reporter: Reporter) -> PlaySession:
    """Return the work of the only play without what it declares: errors in its steps are of no concern."""
    from wgm_play.run.opening import open_targets

    return _only(open_targets(options, reporter), options)


def _targets(options: Options, reporter: Reporter) -> list[PlaySession]:
    """Return the work of each play without what it declares."""
    from wgm_play.run.opening import open_targets

    return open_targets(options, reporter)


def _only(plays: list[PlaySession], options: Options) -> PlaySession:
    if len(plays) != 1:
        raise InputError(
            f"{options.playbook} has {len(plays)} plays; this command takes one", hint="name the environment with -l"
        )
    return plays[0]


def rollback(options: Options, reporter: Reporter) -> int:
    """Go back to before the last change, or to just after a run, by the same diff."""
    from wgm_play.rollback.command import roll_back

    with _only_play(options, reporter) as work:
        reporter.play(work.play.name, work.target)
        code = roll_back(work, options, reporter)
    reporter.recap()
    return code


def approve(options: Options, reporter: Reporter, *, key: str | None = None) -> int:
    """Say that a saved plan may be run: in the ledger, or in a file signed by `key`."""
    from wgm_play.commands.approve import approve as say

    with _only_target(options, reporter) as work:
        return say(work, options, reporter, key)


def promote(options: Options, reporter: Reporter, *, release: bool = False, prepare: bool = False) -> int:
    """Run what another environment has tried, with its evidence; or tell what is missing; or release what is held."""
    from wgm_play.commands import promote as promotion
    from wgm_play.run import plans, results, running

    if prepare:
        from wgm_play.commands.approve import prepare as let_approve

        with _only_target(options, reporter) as work:
            return let_approve(work, reporter)

    with _only_play(options, reporter) as work:
        reporter.play(work.play.name, work.target)
        planned = plans.plan(work, saved=options.plan)
        if release:
            return promotion.release(work, planned, options, reporter)
        if options.pins:
            return promotion.move_pins(work, planned, reporter)
        missing = promotion.show(work, planned, reporter)
        if options.check:
            promotion.refuse_missing(missing, work)
            return 0
        slower = running.run(work, planned) if planned.plan.groups else []
        if not planned.plan.groups:
            results.report_ok(work, planned)
        _watch(work)
    reporter.recap()
    _tell_slower(slower, options)
    return 0


def export(options: Options, reporter: Reporter, *, file: str, key: str | None = None) -> int:
    """Write what stands in an environment to a file of evidence."""
    from wgm_play.commands.exported import export as write

    with _only_play(options, reporter) as work:
        return write(work, reporter, file, key)


def verify(options: Options, reporter: Reporter, *, file: str) -> int:
    """Tell offline by whom a file of evidence is signed."""
    from wgm_play.commands.exported import verify as look

    return look(options, reporter, file)


def checklist(options: Options, reporter: Reporter) -> int:
    """Tell for seven points what speaks for a deployment now, or what is missing."""
    from wgm_play.commands import checklist as listed
    from wgm_play.run import plans

    with _only_play(options, reporter) as work:
        found = listed.points(work, plans.plan(work))
    listed.show(found, reporter)
    missing = listed.findings(found)
    if missing:
        told = f"{len(missing)} of {len(found)} points are missing"
        raise Found(told, details=[one.message for one in missing])
    return 0


def freeze(options: Options, reporter: Reporter, *, until: str | None = None, lift: bool = False) -> int:
    """Let nobody change an environment until a time; or end that."""
    from wgm_play.commands import freeze as freezing

    with _only_target(options, reporter) as work:
        return freezing.lift(work, options, reporter) if lift else freezing.freeze(work, options, reporter, until)


def listing(options: Options, reporter: Reporter, what: str) -> int:
    """Show steps, tags or hosts of a playbook, or only check its syntax; no database is asked."""
    from wgm_play.run.opening import said_unset, with_placeholders

    plays, lacking = with_placeholders(options)
    if lacking:
        reporter.warn(said_unset(lacking))
    for _number, play, _environment, _playbook in plays:
        if what == "steps":
            rows = [(step.name, step.item, ", ".join(sorted(step.tags)), step.kind) for step in play.steps]
            reporter.table(play.name, ("step", "item", "tags", "kind"), rows)
        elif what == "tags":
            tags = sorted({tag for step in (*play.steps, *play.handlers) for tag in step.tags})
            reporter.table(play.name, ("tag",), [(tag,) for tag in tags])
        elif what == "hosts":
            reporter.table(play.name, ("host",), [(play.hosts,)])
    if what == "syntax":
        reporter.note(f"{options.playbook}: syntax OK")
    return 0


def review(
    chosen: Sequence[Options], reporter: Reporter, *, against: str | None = None, also_open: Sequence[str] = ()
) -> Review:
    """Return what a branch, or the second of two playbooks, does to databases; none is asked."""
    from wgm_play.review.pull import against_commit, against_playbook

    if against is not None:
        return against_commit(chosen[0], against, reporter, also_open)
    return against_playbook(chosen[0], chosen[1], reporter)


def reviewed(review: Review, fail_on: str | None) -> int:
    """Return the exit code of a review; raise `Found` for what is as bad as `fail_on` or worse."""
    from wgm_play.finding import at_least

    if review.broken:
        return InputError.exit_code
    found = at_least(review.all_findings(), fail_on) if fail_on else []
    if found:
        raise Found(f"{counted(len(found), 'finding')} of severity {fail_on} or worse")
    return 0


def watch(options: Options, reporter: Reporter) -> int:
    """Apply again at every saved change, until Ctrl-C; an embedded server is kept up."""
    from wgm_play.commands.watching import changes

    def once() -> None:
        try:
            apply(options, reporter)
        except WgmError as error:
            reporter.error(error)

    for _ in changes(options, reporter):
        once()
        reporter.only_changes = True
    return 0


def status(options: Options, reporter: Reporter) -> int:
    """Show the history, the run in progress and what blocks it."""
    from wgm_play.commands.inform import show_status

    works = _targets(options, reporter)
    for work in works:
        if len(works) > 1:
            reporter.play(work.play.name, work.target)
        with work:
            show_status(work, reporter)
    return 0


def matrix(chosen: Sequence[Options], reporter: Reporter, *, given: bool) -> int:
    """Show which revision stands in which environment, and how each step stands there."""
    from wgm_play.commands.matrix import matrix as show

    return show(chosen, reporter, given=given)


def url(options: Options, reporter: Reporter, *, password: bool = False) -> int:
    """Write where the databases are, one on each line; nothing is started."""
    from wgm_play.commands.inform import address

    lines = [address(work, password=password) for work in _targets(options, reporter)]
    reporter.data("url", lines)
    reporter.page("url", "\n".join(lines))
    return 0


def abort(options: Options, reporter: Reporter) -> int:
    """End a hung run on the server; what was done stays recorded, the same command resumes."""
    from wgm_play.commands.abort import abort as end

    with _only_target(options, reporter) as work:
        ended = end(work.connections.writing, reporter=reporter)
        reporter.data("aborted", {"run": ended.run, "backends": list(ended.backends)})
        reporter.note("no run was in progress" if not ended.backends else "the run was ended: the same command resumes")
    return 0


def pause(options: Options, reporter: Reporter) -> int:
    """Let backfills rest after their present batch, until `resume`."""
    return _steer(options, reporter, paused=True)


def resume(options: Options, reporter: Reporter) -> int:
    """Let backfills go on; `batch_ms` is how long a batch may take from now on."""
    return _steer(options, reporter, paused=False)


def _steer(options: Options, reporter: Reporter, *, paused: bool) -> int:
    from wgm_play.commands.steer import order

    with _only_target(options, reporter) as work:
        return order(work, reporter, paused=paused, batch_ms=options.batch_ms)


def check(options: Options, reporter: Reporter) -> int:
    """Look for drift and ill health, at the alerts and the backups, now."""
    from wgm_play.commands.found import show
    from wgm_play.report.findings import check_reports, write_reports
    from wgm_play.run import undrifted

    check_reports(options.reports)
    heading = undrifted.answered(options, reporter)
    findings: list[Finding] = []
    if heading is None:
        from wgm_play.commands.check import look

        with _only_play(options, reporter) as work:
            findings = look(work, options, reporter)
            heading = undrifted.heading_of(work.target, options, str(work.playbook.path))
            if options.record:
                _record_flags(work)
    show(findings, heading, reporter, whole=options.verbosity > 0)
    write_reports(options.reports, findings, heading)
    _refuse_findings(findings, options.fail_on)
    return 0


def analyze(
    options: Options,
    reporter: Reporter,
    *,
    top: int = 10,
    record: bool = False,
    file: str | None = None,
    told: ReportOptions = TOLD,
) -> int:
    """Tell what the application's queries and the server's dearest cost, how they are planned, and what would help."""
    from wgm_play.commands.analyze import look
    from wgm_play.report.findings import Heading, check_reports, write_reports, written
    from wgm_play.report.findings.json import as_data

    check_reports(told.reports)
    options.check = True
    with _only_play(options, reporter) as work:
        findings = look(work, reporter, top=top, record=record, file=file)
        heading = Heading("analyze", work.target, told.fail_on, str(work.playbook.path))
    reporter.data("findings", [as_data(one) for one in findings])
    reporter.page("findings", written("text", findings, heading))
    write_reports(told.reports, findings, heading)
    _refuse_findings(findings, told.fail_on)
    return 0


def _refuse_findings(findings: list[Finding], fail_on: str | None) -> None:
    """Raise `Found` where something is as severe as that."""
    from wgm_play.finding import at_least

    counting = at_least(findings, fail_on) if fail_on else []
    if counting:
        told = f"{counted(len(counting), 'finding')} at or above {fail_on!r}"
        raise Found(told, details=[f"{one.code}: {one.message}" for one in counting])


def alerts(
    options: Options,
    reporter: Reporter,
    action: str,
    names: tuple[str, ...] = (),
    output: str | None = None,
    **more: Any,
) -> int:
    """Render the alerts for the tools that people run (no database is asked), compare them with a live page, or drill them."""
    from wgm_play.commands import alert_tools

    return alert_tools.ACTIONS[action](options, reporter, names, output, run=_make, **more)


def _make(work: PlaySession) -> None:
    """Make the database of a play what it says; nothing is delivered or watched after it."""
    from wgm_play.run import plans, running

    with work:
        planned = plans.plan(work)
        if planned.plan.groups:
            running.run(work, planned)


def pool(
    options: Options, reporter: Reporter, action: str, output: str | None = None, database: str | None = None
) -> int:
    """Write PgBouncer's configuration from what the play says of its pool."""
    from wgm_play.commands import pool as pooling

    return {"render": pooling.render}[action](options, reporter, output, database)


def metrics(options: Options, reporter: Reporter, listen: str | None, textfile: str | None, interval: int) -> int:
    """Serve alerts and the database's own numbers for Prometheus, or write them into a file."""
    from wgm_play.commands.metrics import expose

    with _only_play(options, reporter) as work:
        return expose(work, reporter, listen, textfile, interval)


def stats(options: Options, reporter: Reporter, values: str, output: str | None = None) -> int:
    """Write down sizes, traffic and planner statistics, for whoever has no access to the database."""
    from wgm_play.commands.stats import write

    with _only_target(options, reporter) as work:
        return write(work, reporter, values, output)


def report(options: Options, reporter: Reporter, output: str | None = None, run: int | None = None) -> int:
    """Write a run, and how the database is now, as one HTML page."""
    from wgm_play.commands.report import tell
    from wgm_play.report.findings import replace_file
    from wgm_play.report.page import page

    if output is None:
        raise InputError("report needs a file", hint=f"wgm-play report {options.playbook} --output report.html")
    with _only_play(options, reporter) as work:
        told = tell(work, options, run)
    replace_file(Path(output), page(told))
    reporter.data("report", output)
    reporter.note(f"written: {output}")
    return 0


def backup(options: Options, reporter: Reporter, if_due: bool = False) -> int:
    """Take a backup as the play's policy says, now, or only where it is due."""
    from wgm_play.commands.backups import take

    with _only_play(options, reporter) as work:
        return take(work, reporter, if_due=if_due)


def backups(options: Options, reporter: Reporter) -> int:
    """List the backups there are."""
    from wgm_play.commands.backups import show

    with _only_play(options, reporter) as work:
        return show(work, reporter)


def wal(
    options: Options,
    reporter: Reporter,
    systemd: bool = False,
    *,
    commits: bool = False,
    tables: Sequence[str] = (),
    since: str | None = None,
) -> int:
    """Receive the cluster's WAL until somebody ends it; or print the unit that lets systemd do so, or show what was committed."""
    from wgm_play.commands.wal import commits as show_commits
    from wgm_play.commands.wal import receive, unit

    refuse_run(options, "used to receive WAL", "leave out --untrusted where you trust it")
    with _only_play(options, reporter) as work:
        if commits:
            return show_commits(work, reporter, tables, since)
        return unit(work, reporter) if systemd else receive(work, reporter)


def schedule(
    options: Options, reporter: Reporter, systemd: str | None, cron: str | None, pg_cron: bool, job: str | None
) -> int:
    """List the jobs of a play, write them for those that keep them, or do one of them now."""
    from wgm_play.commands import schedule as jobs

    refuse_run(options, "put on a schedule", "leave out --untrusted where you trust it")
    with _only_play(options, reporter) as work:
        if job is not None:
            options.record = options.record or jobs.recording(work, job)
            verbs = {
                "check": lambda: check(options, reporter),
                "check --record": lambda: check(options, reporter),
                "backup": lambda: backup(options, reporter),
                "backup --if-due": lambda: backup(options, reporter, if_due=True),
                "drill": lambda: drill(options, reporter),
                "purge": lambda: purge(options, reporter),
            }
            return jobs.do(work, reporter, job, verbs)
        if systemd or cron or pg_cron:
            return jobs.write(work, reporter, systemd, cron, pg_cron=pg_cron)
        return jobs.show(work, reporter)


def restore(
    options: Options,
    reporter: Reporter,
    backup_id: str | None,
    at: str | None,
    into: str | None,
    tables: Sequence[str] = (),
    *,
    whole_cluster: bool = False,
    masked: bool = False,
) -> int:
    """Bring a backup back into another, empty database; in place of the playbook's own where `into` is None.

    With `tables` those alone come back, beside the ones that are there. With `whole_cluster` the other databases of a cluster
    that is put back may go back as well.
    """
    from wgm_play.commands.backups import bring_back

    if into is None and not tables:
        refuse_run(options, "restored in place", "leave out --untrusted where you trust it")
    with _only_play(options, reporter) as work:
        return bring_back(work, reporter, backup_id, at, into, tables, whole_cluster=whole_cluster, masked=masked)


def drill(options: Options, reporter: Reporter, backup_id: str | None = None, told: ReportOptions = TOLD) -> int:
    """Bring the newest backup back on a scratch server, look at it, measure it, throw it away."""
    from wgm_play.rehearsal.drill import drill as try_out
    from wgm_play.rehearsal.output import tell

    refuse_run(options, "drilled", "leave out --untrusted where you trust it")
    with _only_play(options, reporter) as work:
        tell(try_out(work, backup_id), "drill", work.target, reporter, told)
    return 0


def rehearse(
    options: Options,
    reporter: Reporter,
    backup_id: str | None = None,
    output: str | None = None,
    told: ReportOptions = TOLD,
    *,
    synthetic: bool = False,
    replay: str | None = None,
) -> int:
    """Run, take back and run again on a scratch server what a run would do now; compare, measure, certify."""
    from wgm_play.rehearsal.output import tell
    from wgm_play.rehearsal.rehearse import rehearse as try_out
    from wgm_play.report.findings.html import rehearsal_page

    if not synthetic:
        refuse_run(
            options,
            "rehearsed",
            "--synthetic rehearses it on made-up rows; or leave out --untrusted where you trust it",
        )
    options.check = True
    with _only_play(options, reporter) as work:
        found, measured = try_out(work, backup_id, output, synthetic=synthetic, replay=replay)
        whole = {"html": partial(rehearsal_page, found, measured, f"rehearsal of {work.target}")} if measured else {}
        tell(found, "rehearse", work.target, reporter, told, whole)
    return 0


def inspect(options: Inspection, reporter: Reporter) -> int:
    """Write a playbook that declares a live database; or one made of another tool's migrations; or adopt."""
    if options.folder is not None:
        from wgm_play.importing.command import bring_in

        return bring_in(options, reporter)
    from wgm_play.inspect.command import inspect as write_down

    return write_down(options, reporter)


def lint(options: LintOptions, reporter: Reporter) -> int:
    """Tell what migrations and playbooks would do to a database in use, from their text alone."""
    from wgm_play.finding import at_least
    from wgm_play.lint.command import lint as find
    from wgm_play.lint.output import tell
    from wgm_play.lint.sizes import remarks

    fixed: dict[str, list[str]] = {}
    told = remarks(options.stats, options.environment)
    findings, chosen = find(options, fixed, told)
    for remark in dict.fromkeys(told):
        reporter.warn(remark)
    for file, codes in fixed.items():
        reporter.note(f"{file}: {', '.join(codes)}: the safe form was written")
    if options.fix and not fixed and findings:
        reporter.note(
            "--fix wrote nothing: within a transaction a safe form needs a file of its own (wgm-play doc lint)"
        )
    worst = options.fail_on or chosen.fail_on
    tell(findings, options, worst, reporter)
    return 12 if at_least(findings, worst) else 0


def why(chosen: Sequence[Options], reporter: Reporter, name: str, *, named: bool) -> int:
    """Tell where an object comes from: lines, variables, commits, runs and their SQL."""
    from wgm_play.commands import why as origin

    told = origin.why(chosen, name, reporter, named=named)
    reporter.data("why", origin.data(told))
    reporter.page("why", origin.text(told))
    return 0


def update(options: Options, reporter: Reporter) -> int:
    """Bring what drifted in the database into a playbook, changing only the lines concerned."""
    from wgm_play.commands.update import update as bring_in

    return bring_in(options, reporter)


def purge(options: Options, reporter: Reporter) -> int:
    """Empty the trash of what is past its retention."""
    from wgm_play.commands.purge import purge as empty

    with _only_play(options, reporter) as work:
        return empty(work, options, reporter)


def trash(options: Options, reporter: Reporter, name: str | None = None, wanted: str | None = None) -> int:
    """List what lies in the trash; or bring the object `name` back beside what is live, as `wanted`."""
    from wgm_play.commands.trash import bring_back, show

    with _only_play(options, reporter) as work:
        return show(work, reporter) if name is None else bring_back(work, options, reporter, name, wanted)
