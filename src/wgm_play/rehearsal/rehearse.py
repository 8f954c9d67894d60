"""A rehearsal: the run, its rollback and the run again on a copy of production, compared and measured.

In: a play at work on production, which is only read. Out: findings, and a certificate where something was pending: in the
ledger, and as a file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.catalog import introspect
from wgm_play.catalog.kinds import OF_SERVER
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, Problems, Refused, WgmError
from wgm_play.finding import ERROR, INFO, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.operations.base import TableSize
from wgm_play.plan import Plan
from wgm_play.quantities import counted, format_duration, format_size
from wgm_play.rehearsal import certificate, declared, forecast, state
from wgm_play.rehearsal.budget import SOURCE, Budget
from wgm_play.rehearsal.evidence import keep
from wgm_play.rehearsal.exercise import exercise
from wgm_play.rehearsal.login import with_own_login
from wgm_play.rehearsal.meter import BLOCKING, Measured, Meter
from wgm_play.rehearsal.stage import Stage, different_catalog, factors, is_superuser, prepare, settings_of
from wgm_play.render import query, render
from wgm_play.reporter import Reporter
from wgm_play.run.gate import engine_of
from wgm_play.run.plans import plan
from wgm_play.run.running import run_plan
from wgm_play.run.work import PlaySession
from wgm_play.secret import mask
from wgm_play.server import connect_to

if TYPE_CHECKING:
    from wgm_play.backup.base import Backup, ScratchServer
    from wgm_play.planning.model import Planned
    from wgm_play.rehearsal.replay import LoadScript, Replayed

FOLDER = "rehearsals"
# As many transactions as people read.
SHOWN = 12


@dataclass(slots=True)
class Result:
    """What a rehearsal came to."""

    findings: list[Finding] = field(default_factory=list)
    groups: list[Measured] = field(default_factory=list)
    peak: int = 0
    size: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    forecast: forecast.Forecast | None = None
    replayed: Replayed | None = None

    def found(self, code: str, message: str, *, severity: str = ERROR, object: str = "", **more: Any) -> None:
        """Add a finding."""
        self.findings.append(Finding(code, severity, mask(message), object=object, source=SOURCE, **more))


def rehearse(
    work: PlaySession,
    backup_id: str | None,
    output: str | None = None,
    *,
    synthetic: bool = False,
    replay: str | None = None,
) -> tuple[list[Finding], dict[str, Any]]:
    """Rehearse what a run would do now; return the findings, and what was measured. Raise `Refused` where it cannot be rehearsed.

    `replay` is the load beside a last run: the file of a pgbench script, or `top`. On rows made from the statistics (`synthetic`) it is no certificate that an environment may require.
    """
    planned = plan(work)
    if not planned.plan.groups:
        work.reporter.note("nothing is pending: there is nothing to rehearse")
        return [], {}
    Budget.of(work.play.budget)
    scripts = _scripts(work, replay)
    settings, notes = settings_of(work.reading)
    began = time.monotonic()
    with ExitStack() as stack:
        if synthetic:
            backup, cluster = None, False
            copy = stack.enter_context(_made_up(work, planned, settings))
        else:
            _policy, engine = engine_of(work)
            if not engine.capabilities.rehearsals:
                raise Refused(
                    f"what `method: {engine.method}` brings back is not rehearsed on: production's roles are not ours there",
                    hint="--synthetic rehearses on made-up rows",
                )
            backup, cluster = engine.find(backup_id), engine.capabilities.cluster
            copy = stack.enter_context(engine.on_scratch(backup, None, settings))
            if cluster:
                copy = with_own_login(copy, work.reading.info.user, superuser=is_superuser(work.reading))
        for note in (*notes, *copy.notes, *(f"not brought back here: {one}" for one in copy.unproved)):
            work.reporter.note(note)
        if copy.problems:
            raise Refused("the backup does not come back as it was", details=copy.problems)
        stage = prepare(work, copy, planned.live, planned.plan, settings, cluster=cluster)
        result = _on_copy(work, planned, copy, stage, backup, scripts)
    result.seconds["all"] = time.monotonic() - began
    result.seconds["restore"] = copy.seconds
    return result.findings, _certify(work, planned.plan, result, backup, copy, settings, output)


def _scripts(work: PlaySession, replay: str | None) -> list[LoadScript]:
    """Return what is to run beside the last run. Raise `InputError`, `Refused`."""
    if replay is None:
        return []
    from wgm_play.rehearsal.replay import TOP, read, top

    return top(work.reading) if replay == TOP else [read(Path(replay))]


def _made_up(work: PlaySession, planned: Planned, settings: dict[str, str]) -> Any:
    from wgm_play.rehearsal.synthetic import made_up

    sizes = planned.situation.facts.sizes
    return made_up(work.reading, planned.live, sizes, settings, work.environment.policy, work.reading.info.user)


def _on_copy(
    work: PlaySession,
    planned: Planned,
    copy: ScratchServer,
    stage: Stage,
    backup: Backup | None,
    scripts: Sequence[LoadScript],
) -> Result:
    for note in stage.notes:
        work.reporter.note(note)
    with connect_to(
        copy.url, policy=stage.environment.policy, application_name="wgm-play compare", read_only=True
    ) as reading:
        _refuse_another_catalog(work, planned.live, introspect.read(reading, edges=False), backup)
        rows = reading.execute(query("sizes", reading.info.server_version)).fetchall()
        own = {Key("table", (schema, name)): TableSize(tuples, size) for schema, name, tuples, size in rows}
        paces = [forecast.calibrate(reading, work.reading)]
        size = reading.execute(render("inspect/size.sql.j2").sql).fetchone()
    result = Result(size=int(size[0]) if size else 0)
    rehearsal = Rehearsal(work, planned, stage, copy.url, result, scripts)
    rehearsal.run()
    with connect_to(
        copy.url, policy=stage.environment.policy, application_name="wgm-play compare", read_only=True
    ) as reading:
        paces.append(forecast.calibrate(reading, work.reading))
    result.forecast = forecast.forecast(
        result.groups,
        factors(planned.situation.facts.sizes, own),
        paces,
        forecast.past(_ledger(work), work.environment.name, work.play.name),
    )
    return result


def _ledger(work: PlaySession) -> Any:
    return Ledger(work.reading)


def _refuse_another_catalog(work: PlaySession, live: Catalog, found: Catalog, backup: Backup | None) -> None:
    """Refuse a backup that is not of the live catalog: what is rehearsed on it is not what will run."""
    differing = different_catalog(live, found, OF_SERVER)
    if differing and backup is None:
        work.reporter.note(
            f"{counted(len(differing), 'object')} cannot be made here: {', '.join(map(str, differing[: state.SHOWN]))}"
        )
    elif differing and backup is not None:
        raise Refused(
            f"the backup {backup.id} is of another catalog than the live one: {counted(len(differing), 'object')} differ; "
            "nothing was rehearsed",
            details=[*map(str, differing[: state.SHOWN])],
            hint=f"take one of this catalog: wgm-play backup {work.options.playbook}",
        )


@dataclass(slots=True)
class Rehearsal:
    """The runs on the copy."""

    work: PlaySession
    planned: Planned
    stage: Stage
    url: str
    result: Result
    # What runs beside the last run.
    scripts: Sequence[LoadScript] = ()
    loaded: bool = False
    # What the runs on the copy say is said of no database of anybody's.
    silent: Reporter = field(default_factory=Reporter)

    def run(self) -> None:
        """Run, take back, run again; compare and measure."""
        before = self._state("compare before")
        plan = self._run("run")
        if plan is None:
            return
        after = self._state("compare after")
        self._unlike_declared(plan, before, after)
        self.stage.join()
        if self._take_back(plan):
            self._unlike_before(before, self._state("compare back"))
            if self._run("run again") is not None:
                self._unlike_first(after)
        if self.work.play.exercise:
            with self._measured("exercise"), self._session() as session:
                self.result.findings += exercise(session, self.work.play.exercise)
        budget = Budget.of(self.work.play.budget)
        self.result.findings += budget.exceeded(self.result.groups, self.result.peak, self.result.size)
        if self.scripts:
            self._under_load(plan, budget)

    @property
    def _audits(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.work.play.audits)

    def _session(self) -> Any:
        """Return a session as the application would have it: with the usual search_path."""
        return target.connect(self.url, "wgm-play exercise")

    def _measured(self, what: str) -> _Timer:
        return _Timer(self.result.seconds, what)

    def _state(self, what: str) -> state.DatabaseState:
        with self._measured(what):
            return state.read(self.url, self.stage.environment.policy)

    def _own(self, **options: Any) -> PlaySession:
        """Return a play at work on the copy."""
        work = self.work
        chosen = replace(
            work.options,
            url=self.url,
            check=False,
            diff=False,
            no_backup=True,
            untrusted=False,
            plan=None,
            save_plan=None,
            override_freeze="a rehearsal",
            **options,
        )
        play = replace(work.play, backup=None, alerts=())
        made = PlaySession(chosen, self.silent, self.stage.environment, work.playbook, play, work.number)
        renamed = {new: old for new, old in self.planned.situation.goal.renames.items() if new.kind == "table"}
        sizes = dict(self.planned.situation.facts.sizes)
        made.sizes = {**sizes, **{new: sizes[old] for new, old in renamed.items() if old in sizes}}
        return made

    def _run(self, what: str) -> Plan | None:
        """Plan and run on the copy; return the plan, None where that fails, which is a finding."""
        first = what == "run"
        with self._own() as work:
            try:
                with self._measured(f"plan: {what}"):
                    planned = plan(work)
                if first:
                    self._unlike_production(planned.plan)
                with self._measured(what), Meter(self.stage.admin) as meter:
                    work.on_group = meter.group
                    try:
                        run_plan(work, planned)
                    finally:
                        self._note(meter, first=first)
            except WgmError as error:
                self._failed(f"the {what} fails", error)
                return None
        return planned.plan

    def _note(self, meter: Meter, *, first: bool) -> None:
        """Keep what was measured: the worse of two runs where both did the same."""
        result = self.result
        if self.loaded:
            return
        result.peak = max(result.peak, meter.peak)
        if first or len(meter.groups) != len(result.groups):
            result.groups = result.groups or meter.groups
            return
        for one, other in zip(result.groups, meter.groups, strict=True):
            one.seconds = (one.seconds + other.seconds) / 2
            one.disk = max(one.disk, other.disk)

    def _failed(self, what: str, error: WgmError) -> None:
        for one in error.problems if isinstance(error, Problems) else (error,):
            told = "; ".join([one.message, *one.details])
            self.result.found(
                "failed", f"{what}: {told}", where=one.where, object=one.step or "", remedy=one.hint or ""
            )

    def _unlike_production(self, plan: Plan) -> None:
        """Say what of the plan is not what production would run."""
        theirs, ours = _operations(self.planned.plan, self.stage.made), _operations(plan)
        for one in [text for text in theirs if text not in ours]:
            self.result.said.append(f"not rehearsed as production would run it: {one[0]}")
        for one in [text for text in ours if text not in theirs]:
            self.result.said.append(f"rehearsed, and production would run it otherwise: {one[0]}")

    def _unlike_declared(self, plan: Plan, before: state.DatabaseState, after: state.DatabaseState) -> None:
        """Find rows that a run changed and nobody declared."""
        said, unknown = declared.of(plan)
        said = replace(said, tables=said.tables | self._audits)
        self.result.said += [
            f"its SQL may change any row, so rows are not compared after the run: {one}" for one in unknown
        ]
        for table, column, what in state.row_differences(before, after, said):
            name = Key("column", (*table, column)).label if column else Key("table", table).label
            self.result.found("rows_after_run", f"{name} {what} after the run, which no step declares", object=name)

    def _take_back(self, plan: Plan) -> bool:
        """Roll the run back; return whether there is something to compare."""
        from wgm_play.rollback.command import roll_back

        final = [one for one in plan.operations if one.irreversible]
        if final:
            reasons = "; ".join(dict.fromkeys(f"{one.title}: {one.irreversible}" for one in final))
            self.result.found("irreversible", f"the run cannot be taken back: {reasons}", severity=INFO)
            return False
        with self._own(allow_destructive=True) as work:
            try:
                with self._measured("rollback"):
                    roll_back(work, work.options, self.silent)
            except WgmError as error:
                self._failed("the rollback fails", error)
                return False
        return True

    def _unlike_before(self, before: state.DatabaseState, back: state.DatabaseState) -> None:
        """Find what the rollback has not brought back."""
        catalog = state.catalog_differences(before.catalog, back.catalog)
        for line in catalog:
            self.result.found("rollback", f"after the rollback {line}", object=line.partition(":")[0])
        if not catalog:
            for line in state.dump_differences(before, back):
                self.result.found("rollback", f"after the rollback it is otherwise: {line}", object=line[:80])
        for line in state.order_differences(before, back):
            self.result.found("rollback_order", f"after the rollback {line}", severity=INFO, object=line.split()[0])
        for line in state.sequence_differences(before, back):
            self.result.found("rollback_sequence", f"after the rollback {line}", object=line.split()[1])
        for table, column, what in state.row_differences(before, back, state.Declared(tables=self._audits)):
            name = Key("column", (*table, column)).label if column else Key("table", table).label
            self.result.found("rollback_rows", f"{name} {what} after the rollback", object=name)

    def _under_load(self, plan: Plan, budget: Budget) -> None:
        """Take it back once more, and run it beside a load: only then, as the load changes rows, too."""
        from wgm_play.rehearsal.replay import Load

        if any(one.irreversible for one in plan.operations) or not self._take_back(plan):
            self.result.said.append("no load was replayed: the run cannot be taken back to begin again")
            return
        self.loaded = True  # what is measured from here on is the load's, too
        with Load(self.url, self.scripts) as load:
            self._run("run under load")
        replayed = self.result.replayed = load.found
        self.result.said += [replayed.line(), *(f"not replayed: {one}" for one in replayed.left_out[:SHOWN])]
        self.result.findings += budget.stalled(replayed.longest, replayed.script)
        for said, count in replayed.failures.most_common(SHOWN):
            self.result.found("replay", f"{counted(count, 'transaction')} of the load failed: {said}", object=said[:80])

    def _unlike_first(self, after: state.DatabaseState) -> None:
        """Find what the second run made otherwise than the first."""
        with connect_to(
            self.url, policy=self.stage.environment.policy, application_name="wgm-play compare", read_only=True
        ) as reading:
            again = introspect.read(reading, edges=False)
        for line in state.catalog_differences(after.catalog, again):
            self.result.found("run_again", f"after the second run {line}", object=line.partition(":")[0])


@dataclass(slots=True)
class _Timer:
    seconds: dict[str, float]
    what: str
    began: float = 0.0

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.what] = time.monotonic() - self.began


def _operations(plan: Plan, without: Collection[Key] = ()) -> list[tuple[str, str]]:
    return [
        (one.title, "\n".join(command.sql for command in one.commands))
        for one in plan.operations
        if one.key not in without
    ]


# The certificate


def _certify(
    work: PlaySession,
    plan: Plan,
    result: Result,
    backup: Backup | None,
    copy: ScratchServer,
    settings: dict[str, str],
    output: str | None,
) -> dict[str, Any]:
    """Show what was measured, and keep the certificate; return it."""
    passed = not [one for one in result.findings if one.severity != INFO]
    _show(work, result)
    now = datetime.now(UTC)
    expires = now + timedelta(seconds=work.environment.policy.rehearsal_max_age)
    content = {
        "format": certificate.FORMAT,
        "environment": work.environment.name,
        "play": work.play.name,
        **certificate.identity_of(plan),
        "steps": [
            {"verb": one.verb, "object": str(one.key), "title": mask(one.title), "statements": len(one.commands)}
            for one in plan.operations
        ],
        "backup": None if backup is None else {"id": backup.id, "taken": f"{backup.started:%Y-%m-%dT%H:%M:%SZ}"},
        "reached": copy.reached,
        "rehearsed_on": copy.major,
        "extensions": {key.name[0]: str(row.version) for key, row in _extensions(work)},
        "settings": settings,
        "made": f"{now:%Y-%m-%dT%H:%M:%S+00:00}",
        "expires": f"{expires:%Y-%m-%dT%H:%M:%S+00:00}",
        "passed": passed,
        "measured": [_plain(one) for one in result.groups],
        "disk_peak": result.peak,
        "seconds": {key: round(value, 3) for key, value in result.seconds.items()},
        "forecast": result.forecast.data() if result.forecast is not None else None,
        "replayed": result.replayed.data() if result.replayed is not None else None,
        "said": [mask(one) for one in result.said],
        "findings": [
            {key: value for key, value in asdict(one).items() if value and key != "where"} for one in result.findings
        ],
    }
    kind = certificate.KIND if backup is not None else certificate.SYNTHETIC
    # Nothing of a stranger's playbook reaches the target.
    number = None if work.options.untrusted else keep(work, kind, content, passed=passed)
    path = _file(work, content, now, output)
    word = "certificate" if passed else "no certificate, but what was found"
    if backup is None:
        word = "what was rehearsed on made-up rows, no certificate"
    work.reporter.note(
        f"{word}: {path}"
        + (f", number {number} in the ledger" if number is not None else "")
        + (f", valid until {expires:%Y-%m-%d %H:%M} UTC" if passed else "")
    )
    work.reporter.data("certificate", content)
    return content


def _extensions(work: PlaySession) -> Iterator[tuple[Key, Any]]:
    live = work.read_live()
    for key in live.of("extension"):
        yield key, live[key]


def _plain(one: Measured) -> dict[str, Any]:
    return {
        "titles": [mask(title) for title in one.titles],
        "seconds": round(one.seconds, 4),
        "locks": [
            {"level": lock.level, "relation": lock.relation, "seconds": round(lock.seconds, 4)} for lock in one.locks
        ],
        "rewrites": [{"relation": name, "bytes": size} for name, size in one.rewrites],
        "wal": one.wal,
        "temp": one.temp,
        "disk": one.disk,
    }


def _file(work: PlaySession, content: dict[str, Any], now: datetime, output: str | None) -> Path:
    """Write the certificate; return where it is."""
    path = (
        Path(output) if output else work.home / ".wgm" / FOLDER / work.environment.name / f"{now:%Y%m%dT%H%M%SZ}.json"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}", hint="--output FILE") from error
    return path


def _show(work: PlaySession, result: Result) -> None:
    """Show what a run costs: of many transactions the costliest, the certificate has all."""
    costly = sorted(result.groups, key=lambda one: one.seconds, reverse=True)[:SHOWN]
    shown = result.groups if work.options.verbosity else [one for one in result.groups if one in costly]
    rows = [
        (
            number,
            ", ".join(one.titles),
            format_duration(one.seconds),
            _worst(one),
            ", ".join(f"{name} ({format_size(size)})" for name, size in one.rewrites),
            format_size(one.wal),
            format_size(one.temp) if one.temp else "",
            format_size(one.disk) if one.disk else "",
        )
        for number, one in enumerate(result.groups, 1)
        if one in shown
    ]
    work.reporter.table(
        "rehearsed", ("transaction", "what", "time", "longest lock", "rewritten", "WAL", "temporary", "disk"), rows
    )
    if rest := [one for one in result.groups if one not in shown]:
        seconds = format_duration(sum(one.seconds for one in rest))
        work.reporter.note(
            f"and {counted(len(rest), 'more transaction')} in {seconds}: -v shows all, the certificate has them"
        )
    for line in result.said:
        work.reporter.note(mask(line))
    if result.forecast is not None and result.groups:
        work.reporter.note(result.forecast.line())


def _worst(one: Measured) -> str:
    """Return the lock that kept others waiting longest."""
    blocking = [lock for lock in one.locks if lock.level in BLOCKING]
    if not blocking:
        return ""
    longest = max(blocking, key=lambda lock: lock.seconds)
    return f"{longest.level} on {longest.relation}, {format_duration(longest.seconds)}"
