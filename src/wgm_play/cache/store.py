"""What an earlier command found out about a project, kept in the person's own folder: never needed, only faster.

In: a mark (a digest of all that an answer depends on). Out: the answer, or None. A file of another user, or one that
does not read, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import __version__
from wgm_play.lazy_dataclass import dataclass
from wgm_play.user_cache import folder_of, ours

if TYPE_CHECKING:
    from wgm_play.catalog.model import Catalog

# Realised catalogs kept per project: as many branches and environments as people go back and forth between.
KEPT = 20


@dataclass(frozen=True, slots=True)
class CachedCatalog:
    """A realised catalog, the steps that were skipped while it was made, and what was not checked of its routines."""

    catalog: Catalog
    skipped: list[Any]
    unchecked: list[Any]


@functools.lru_cache(maxsize=1)
def _version() -> str:
    """Return what an answer is good for: this version, with the fields that its catalog rows have."""
    from wgm_play.catalog.model import CLASSES

    shape = repr([(kind, found.__slots__) for kind, found in CLASSES.items()])
    return f"{__version__}+{hashlib.sha256(shape.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache of one project; `folder` None keeps nothing."""

    folder: Path | None

    @classmethod
    def of(cls, project: Path) -> Cache:
        """Return the cache of a project, made for this user alone."""
        return cls(folder_of(project))

    def load(self, mark: str) -> CachedCatalog | None:
        """Return what was kept under a mark."""
        from wgm_play.ledger.snapshot import unpack

        content = self.read(f"wanted-{mark[:32]}")
        if content is None:
            return None
        try:
            head, _, body = content.partition(b"\n")
            told = json.loads(head)
            if told["mark"] != mark or told["version"] != _version():
                return None
            return CachedCatalog(unpack(body), told["skipped"], told["unchecked"])
        except (ValueError, KeyError, OSError, EOFError):
            return None

    def save(self, mark: str, catalog: Catalog, skipped: list[Any], unchecked: Iterable[Any] = ()) -> None:
        """Keep a realised catalog under a mark."""
        from wgm_play.ledger.snapshot import pack

        told = {"mark": mark, "version": _version(), "skipped": skipped, "unchecked": list(unchecked)}
        head = json.dumps(told).encode()
        self.write(f"wanted-{mark[:32]}", head + b"\n" + pack(catalog).content, keep=KEPT)

    def read(self, name: str) -> bytes | None:
        """Return a file's content."""
        if self.folder is None:
            return None
        try:
            with (self.folder / name).open("rb") as file:
                return file.read() if ours(os.fstat(file.fileno())) else None
        except OSError:
            return None

    def remove(self, name: str) -> None:
        """Take a file away, where it is there."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def write(self, name: str, content: bytes, *, keep: int) -> None:
        """Write a file in one piece, and remove the oldest of its kind; quiet where that cannot be."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            handle, temporary = tempfile.mkstemp(dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(temporary, self.folder / name)
            except BaseException:
                os.unlink(temporary)
                raise
            kind = name.split("-", maxsplit=1)[0]
            files = sorted(self.folder.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in files[keep:]:
                path.unlink()
