"""The archive of a tool's own: its files of WAL by their names, each handed out by the tool.

In: the names that a tool lists, how it hands one out. Out: `Archive`, which answers as a folder of received WAL does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path

from wgm_play.backup.wal import Wal
from wgm_play.embedded.account import Account
from wgm_play.lazy_dataclass import dataclass


@contextmanager
def handed_over(account: Account) -> Iterator[Path]:
    """Give a folder into which a tool may write that runs as `account`, for a `with` block."""
    with tempfile.TemporaryDirectory(prefix="wgm-") as made:
        place = Path(made)
        account.give(place)
        yield place


@dataclass(frozen=True)
class Archive(Wal):
    """One look at an archive. `names` are those of its files as PostgreSQL calls them; `fetch` gives the content of one.

    `fetch` raises `OSError` for one that cannot be had.
    """

    names: tuple[str, ...] = ()
    fetch: Callable[[str], bytes] = lambda name: b""

    @cached_property
    def files(self) -> dict[str, Path]:
        """The files by their names."""
        return {name: Path(name) for name in self.names}

    @cached_property
    def _fetched(self) -> Callable[[str], bytes]:
        """What fetches, but not twice in a row: a server asks again for what it was given."""
        return lru_cache(maxsize=2)(self.fetch)

    def content(self, path: Path) -> bytes:
        """Return what a file of `files` holds. Raise `OSError`."""
        return self._fetched(path.name)

    def lay_out(self, path: Path, out: Path) -> None:
        """Write a file of `files` as the server reads it. Raise `OSError`."""
        data = self._fetched(path.name)
        out.write_bytes(data.ljust(self.segment_size, b"\0") if path.name.endswith(".partial") else data)

    def wrong_size(self, path: Path) -> str:
        """Return "": what a tool keeps is packed in its own way."""
        return ""
