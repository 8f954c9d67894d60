"""What a hosting provider keeps: driven by commands of the environment, for servers that allow neither replication nor restore points.

In: commands that list what there is, take a snapshot, restore one or a moment into a database of its own, and drop that again.
Out: its snapshots and its history window in our catalogue; a database that is marked as what it is. No shell is asked.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import command, folder, identity, target
from wgm_play.backup.base import Backup, Backups, Capabilities, Restored, ScratchServer, Verification
from wgm_play.backup.in_folder import InFolder
from wgm_play.backup.moment import LATEST, TIME, Moment
from wgm_play.errors import InputError, Refused, StepFailed, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.secret import register

# The id of the window within which the provider restores any moment.
HISTORY = "history"
WAIT_SECONDS = 300.0
_POLL = 1.0
_FORM = (
    'write JSON: {"backups": [{"id": "…", "taken": "2026-01-31T12:00:00Z"}], "history": {"from": "…", "until": "…"}}'
)


@dataclass(frozen=True, slots=True)
class RestoreWindow:
    """From when until when the provider restores any moment."""

    begin: datetime
    end: datetime


class Provider(InFolder):
    """A provider's snapshots and history: it keeps them and brings them back, we gate, mark, drill and remember."""

    method = "provider"
    capabilities = Capabilities(
        point_in_time=True,
        moments=(LATEST, TIME),
        rehearsals=False,
        verify=("none", "restore"),
        usual="none",
        needs=("commands in the environment: backup: {provider: {list: [...], restore: [...]}}",),
    )

    # Asking

    def _words(self, verb: str) -> Sequence[str]:
        """Return the words of a command. Raise `InputError` where the environment gives none."""
        words = self.source.given.get(verb)
        if not words:
            raise InputError(
                f"the environment gives no command to {verb} what the provider keeps",
                hint=f"environments/NAME.yml: backup: {{provider: {{{verb}: [PROGRAM, ARGUMENT]}}}}",
            )
        return [str(word) for word in words]

    def _run(self, verb: str, /, **values: str) -> str:
        """Run a command of the environment; return what it wrote. Raise `Refused`."""
        return command.run(self._words(verb), f"the provider's command to {verb}", **values)

    def _told(self) -> tuple[Sequence[Mapping[str, Any]], RestoreWindow | None]:
        """Return the snapshots that there are, and the window of its history. Raise `Refused`."""
        said = self._run("list")
        try:
            told = json.loads(said)
            backups = [{**one, "taken": _time(one["taken"]), "id": str(one["id"])} for one in told.get("backups", ())]
            history = told.get("history")
            window = RestoreWindow(_time(history["from"]), _time(history["until"])) if history else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused("the provider's list is not what it should be", hint=_FORM, details=[str(error)]) from error
        return backups, window

    # The catalogue

    def list(self) -> Backups:
        """Return the provider's snapshots, newest first, before them its history as one that reaches until its end."""
        backups, window = self._told()
        found = [self._noted(one["id"], one["taken"], int(one.get("size") or 0)) for one in backups]
        found.sort(key=lambda one: one.started, reverse=True)
        return [*([self._noted(HISTORY, window.end, 0)] if window else []), *found]

    def _path(self, name: str) -> Path:
        return self.source.directory / "provider-notes" / name.replace("/", "_")

    def _noted(self, name: str, taken: datetime, size: int) -> Backup:
        path = self._path(name)
        kept = None
        if (path / folder.MANIFEST).exists():
            with suppress(Refused):
                kept = folder.read(path).backup
        database = server_tools.parameters(self.source.url).get("dbname", "postgres")
        return Backup(
            path.name,
            self.method,
            taken,
            taken,
            size,
            0,
            database,
            str(path),
            verified="" if kept is None or name == HISTORY else kept.verified,
            pinned=kept.pinned if kept else (),
            reason=kept.reason if kept else "",
            run=kept.run if kept else "",
            marker=self.source.marker,
        )

    def _manifest(self, backup: Backup) -> folder.Manifest:
        Path(backup.path).mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.Manifest(backup, {}, 0, {})

    def stranger(self, backup: Backup) -> str:
        """Return "": the environment's commands list what is this database's own."""
        return ""

    def damage(self, backup: Backup) -> Sequence[str]:
        """Return nothing: the provider's files are its own; `drill` shows what comes back."""
        return []

    def make(self, reason: str, run: str = "") -> Backup:
        """Let the provider take a snapshot. Raise `Refused`."""
        folder.open_folder(self.source.directory)
        before = {one["id"] for one in self._told()[0]}
        try:
            self._run("take", name=f"wgm-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        except InputError as error:
            raise Refused(
                f"{error.message}: there is no backup to be taken",
                hint="its history covers runs by itself: `before_changes: young`, with max_age",
            ) from error
        new = [one for one in self._told()[0] if one["id"] not in before]
        if not new:
            raise Refused("the provider's command to take ended without an error, and its list has no new backup")
        newest = max(new, key=lambda one: one["taken"])
        made = self._noted(newest["id"], newest["taken"], int(newest.get("size") or 0))
        manifest = self._manifest(made)
        folder.write(manifest)
        return made

    def remove(self, backup: Backup) -> None:
        """Refuse: what the provider keeps it deletes by itself."""
        raise Refused(f"the provider keeps {backup.id}, and deletes it by its own retention")

    def expire(self, retention: int | None = None, pinned: Collection[str] = ()) -> Backups:
        """Delete nothing: the provider has a retention of its own."""
        return []

    def verify(self, backup: Backup, how: str | None = None) -> Verification:
        """Prove a backup by bringing it back into a database of its own."""
        how = how or self.source.policy.verify
        if how not in self.capabilities.verify:
            raise InputError(
                f"what a provider keeps is not verified by {how!r}", hint="write `verify: restore`, or none"
            )
        began = time.monotonic()
        counted: dict[str, int] = {}
        problems: list[str] = []
        if how == "restore":
            try:
                with self.on_scratch(backup) as copy, target.connect(copy.url, self.source.application) as session:
                    counted = target.counts(session)
            except (StepFailed, Refused, Unreachable) as error:
                problems = [error.message, *error.details]
        self._remember(self._manifest(backup), how if how != "none" else "", not problems)
        return Verification(backup.id, how, time.monotonic() - began, counted, {}, tuple(problems))

    # The gate

    def uncovered(self, backup: Backup) -> str:
        """Return why the history does not lead from a backup to now, "" where it does."""
        window = self._told()[1]
        if window is None:
            return "the provider's list has no history: nothing after a backup can be reached"
        return ""

    def reaches(self, lsn: int | None, at: datetime | None) -> str:
        """Wait until the provider's history has come to a moment; return why it does not."""
        seconds = float(self.source.given.get("wait", WAIT_SECONDS))
        until = time.monotonic() + seconds
        while True:
            window = self._told()[1]
            if window is not None and (at is None or window.begin <= at <= window.end):
                return ""
            if window is None or time.monotonic() > until:
                end = "there is none" if window is None else f"it ends at {window.end:%Y-%m-%d %H:%M:%S} UTC"
                return f"the provider's history did not come to the beginning of this run within {seconds:g} s: {end}"
            time.sleep(_POLL)

    # Restoring

    def choose(self, wanted: str | None, at: Moment | None) -> Backup:
        """Return the snapshot with an id; for a moment the history, where it holds that. Raise `Refused`."""
        if wanted is not None or at is None:
            return self.find(wanted)
        window = self._told()[1]
        if window is None:
            raise Refused(
                "the provider's list has no history: only its backups themselves come back",
                hint="--backup ID: `wgm-play backups PLAYBOOK` lists them",
            )
        if at.time is not None and not window.begin <= at.time <= window.end:
            which = "before" if at.time < window.begin else "after"
            raise Refused(
                f"{at} is {which} the provider's history, nothing was touched",
                hint=f"it goes from {window.begin.isoformat()} to {window.end.isoformat()}",
            )
        return self._noted(HISTORY, window.end, 0)

    def restore(
        self, backup: Backup, into: str | Path, at: Moment | None = None, *, in_place: bool = False
    ) -> Restored:
        """Let the provider bring a backup or a moment back into a database of its own, of the name that is given."""
        given, own = (
            server_tools.parameters(str(into)) if isinstance(into, str) else {},
            server_tools.parameters(self.source.url),
        )
        if isinstance(into, Path) or in_place or given.get("host") != own.get("host"):
            raise InputError(
                "what a provider keeps comes back where the provider puts it: it is given a name",
                hint="--into NAME",
            )
        began = time.monotonic()
        name = given.get("dbname", "")
        url = self._bring_back(backup, name, at)
        with target.connect(url, self.source.application) as session:
            self._refuse_the_original(session, name)
            notes = identity.mark(session, backup)
            database = session.info.dbname
            place = f"{session.info.host}:{session.info.port}"
        verification = Verification(backup.id, "none", time.monotonic() - began)
        return Restored(
            backup,
            name,
            True,
            verification.seconds,
            verification,
            (f"the provider put it at {place}, as the database {database!r}", *notes),
            reached=self._reached(backup, at),
        )

    def _reached(self, backup: Backup, at: Moment | None) -> str:
        when = backup.started if at is None or at.time is None else at.time
        return f"as the provider has it of {when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f UTC}"

    def _bring_back(self, backup: Backup, name: str, at: Moment | None) -> str:
        when = backup.started if at is None or at.time is None else at.time
        said = self._run("restore", id=self._id(backup), name=name, at=when.astimezone(UTC).isoformat())
        url = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        try:
            parameters = server_tools.parameters(url) if url else {}
        except InputError:
            parameters = {}
        if not parameters.get("dbname"):
            raise StepFailed(
                "the provider's command to restore wrote no connection string as its last line",
                hint=f"look at what it made, {name!r}: it may have to be dropped by hand",
            )
        if parameters.get("password"):
            register(parameters["password"])
        return url

    def _id(self, backup: Backup) -> str:
        """Return the provider's own id, which may hold what no file's name does."""
        return next((one["id"] for one in self._told()[0] if self._path(one["id"]).name == backup.id), backup.id)

    def _refuse_the_original(self, session: Any, name: str) -> None:
        """Refuse what is no copy: nothing is marked or tried in the database itself."""
        try:
            with target.connect(self.source.url, self.source.application) as original:
                same = [(target.one(one, "server_start.sql.j2"), one.info.dbname) for one in (original, session)]
        except Unreachable:
            return
        if same[0] == same[1]:
            raise StepFailed(
                "the provider's command to restore gave the database itself, no copy; nothing was done there",
                hint=f"it must make a branch or an instance of its own, {name!r}, and write its connection string",
            )

    @contextmanager
    def on_scratch(
        self, backup: Backup, at: Moment | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[ScratchServer]:
        """Let the provider bring a backup back, and drop that when the block ends. Raise `Refused`."""
        self._words("drop")  # else each drill would leave a database behind
        began, name = time.monotonic(), f"wgm-drill-{secrets.token_hex(4)}"
        try:
            url = self._bring_back(backup, name, at)
            with target.connect(url, self.source.application) as session:
                self._refuse_the_original(session, name)
                identity.mark(session, backup)
                major = session.info.server_version // 10000
            yield ScratchServer(url, url, major, self._reached(backup, at), time.monotonic() - began)
        finally:
            try:
                self._run("drop", name=name)
            except Refused as error:
                self.reporter.warn(f"{name!r} is left at the provider: {error.message}")


def _time(text: Any) -> datetime:
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
