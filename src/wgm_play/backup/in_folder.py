"""What the engines share whose backups lie in our folder: listing them, telling whose they are, pins, proofs noted.

In: a `BackupSource`. Out: `InFolder`, the part of `Engine` that is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wgm_play import server_tools
from wgm_play.backup import folder, target
from wgm_play.backup import identity as identities
from wgm_play.backup.base import Backup, Backups, BackupSource, Engine, rank
from wgm_play.reporter import Reporter


class InFolder(Engine):
    """An engine that keeps each backup in a folder of its own, with our manifest beside it."""

    def __init__(self, source: BackupSource, reporter: Reporter | None = None) -> None:
        super().__init__(source, reporter)
        self._identity: identities.Identity | None = None

    def list(self) -> Backups:
        """Return the finished backups of this folder, newest first; those that cannot be read are warned of."""
        found, problems = folder.manifests(self.source.directory, self.method)
        for problem in problems:
            self.reporter.warn(problem)
        return [manifest.backup for manifest in found]

    def stranger(self, backup: Backup) -> str:
        """Return why a backup is none of this database, "" where it is one."""
        return identities.stranger(backup, self.identity)

    @property
    def identity(self) -> identities.Identity:
        """Which database this is; it is asked once. Raise `Unreachable`."""
        if self._identity is None:
            with target.there_or_beside(self.source.url, self.source.application) as connection:
                found = identities.of(connection)
            name = server_tools.parameters(self.source.url).get("dbname", found.database)
            self._identity = replace(found, database=name, marker=self.source.marker or found.marker)
        return self._identity

    def in_use(self, backup: Backup) -> bool:
        """Tell whether a process proves or restores a backup now."""
        return folder.in_use(Path(backup.path))

    def _manifest(self, backup: Backup) -> folder.Manifest:
        """Return what is noted of a backup. Raise `Refused`."""
        return folder.read(Path(backup.path))

    def _remember(self, manifest: folder.Manifest, how: str, ok: bool) -> None:
        """Note in the manifest how a backup was proved; damage takes an earlier proof back."""
        before = manifest.backup.verified
        now = max(before, how, key=rank) if ok else ""
        if now != before:
            folder.write(replace(manifest, backup=replace(manifest.backup, verified=now)))

    def remove(self, backup: Backup) -> None:
        """Delete a backup, pinned or not."""
        folder.delete(Path(backup.path))

    def pin(self, backup: Backup, run: str) -> Backup:
        """Keep a backup from expiring until `run` unpins it."""
        return self._repin(backup, lambda pins: {*pins, run})

    def unpin(self, backup: Backup, run: str) -> Backup:
        """Take back what `pin` did for `run`."""
        return self._repin(backup, lambda pins: pins - {run})

    def _repin(self, backup: Backup, change: Callable[[set[str]], set[str]]) -> Backup:
        manifest = self._manifest(backup)
        pinned = tuple(sorted(change(set(manifest.backup.pinned))))
        if pinned != manifest.backup.pinned:
            manifest = replace(manifest, backup=replace(manifest.backup, pinned=pinned))
            folder.write(manifest)
        return manifest.backup
