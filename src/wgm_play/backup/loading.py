"""Bring a dump into a database by pg_restore: which of its entries, and which of them could not be made.

In: a backup's folder, a database, the entries of the dump's table of contents. Out: the error of each entry that failed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from wgm_play import server_tools
from wgm_play.backup.folder import DUMP, Manifest
from wgm_play.embedded import programs
from wgm_play.errors import InputError, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.reporter import Reporter
from wgm_play.secret import mask

_LOADS_TABLE = "processing data for table"
# pg_restore's list: dump id; oid of the catalog (0 for rows), oid, what it is, schema or -, name, owner.
_ENTRY = re.compile(r"(\d+); (\d+) \d+ (.*)")
# Of more than one word; all others have one.
_KINDS = (
    "ACCESS METHOD", "BLOB METADATA", "CHECK CONSTRAINT", "DATABASE PROPERTIES", "DEFAULT ACL", "EVENT TRIGGER",
    "FK CONSTRAINT", "FOREIGN DATA WRAPPER", "FOREIGN SERVER", "FOREIGN TABLE", "INDEX ATTACH",
    "MATERIALIZED VIEW DATA", "MATERIALIZED VIEW", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURAL LANGUAGE",
    "PUBLICATION TABLES IN SCHEMA", "PUBLICATION TABLE", "ROW SECURITY", "SECURITY LABEL", "SEQUENCE OWNED BY",
    "SEQUENCE SET", "SHELL TYPE", "STATISTICS DATA", "SUBSCRIPTION TABLE", "TABLE ATTACH", "TABLE DATA",
    "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "USER MAPPING",
)  # fmt: skip
_FROM = re.compile(r"from TOC entry (\d+);")
_ERROR = ": error: "
_COMMON = "could not execute query: "
_DATA = ("TABLE DATA", "BLOBS", "BLOB METADATA", "SEQUENCE SET")


@dataclass(frozen=True, slots=True)
class DumpEntry:
    """One entry of a dump: its number, what it is (`TABLE DATA`), the line of the list."""

    number: int
    kind: str
    line: str

    @property
    def name(self) -> str:
        """Return what people call it: its schema and name, without its owner."""
        words = self.line.split(f" {self.kind} ", 1)[-1].split(" ")
        named = words[1:-1] if len(words) > 2 else words[1:]
        return " ".join(named) if words[0] == "-" else f"{words[0]}.{' '.join(named)}"


def _entry(found: re.Match[str], line: str) -> DumpEntry:
    number, catalog, rest = found.groups()
    kind = next((one for one in _KINDS if rest.startswith(f"{one} ")), rest.partition(" ")[0])
    if kind == "TABLE DATA" and catalog != "0":
        kind = "TABLE"  # in a schema DATA
    return DumpEntry(int(number), kind, line)


def program(name: str, version: int) -> Path:
    """Return the path of pg_dump or pg_restore for a server's major version. Raise `Refused` when there is none."""
    try:
        return programs.tools(version) / name
    except InputError as error:
        raise Refused(error.message, hint=error.hint) from error


@dataclass(slots=True)
class Heard:
    """What pg_restore said, by the entry that it was about; 0 for none.

    Parallel jobs write at once: an entry may be named, and another one, before the error of the first is told.
    """

    failed: dict[int, str] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        """Hear one line of its standard error."""
        self.waiting += [int(number) for number in _FROM.findall(line)]
        if _ERROR in line:
            text = line.rsplit(_ERROR, 1)[1].removeprefix(_COMMON).removeprefix("ERROR:  ")
            if self.waiting or not self.failed:
                self.failed.setdefault(self.waiting.pop(0) if self.waiting else 0, mask(text))

    def end(self) -> Mapping[int, str]:
        """Return what failed, with entries whose error was lost among those of others."""
        for number in self.waiting:
            self.failed.setdefault(number, "it failed beside another one, whose error alone was told")
        return self.failed


@dataclass(frozen=True, slots=True)
class DumpLoader:
    """Loads one backup into the server of a major version. `application` is the name of its sessions."""

    manifest: Manifest
    version: int
    jobs: int
    application: str
    reporter: Reporter

    @property
    def _program(self) -> Path:
        return program("pg_restore", max(self.version, self.manifest.tool))

    @property
    def folder(self) -> str:
        """The folder of the dump."""
        return str(Path(self.manifest.backup.path) / DUMP)

    def entries(self) -> list[DumpEntry]:
        """Return the dump's table of contents, in the order in which it is restored. Raise `ProgramFailed`."""
        _, environ = server_tools.arguments("", self.application)
        with tempfile.TemporaryFile() as listed:
            server_tools.run(self._program, ["--list", self.folder], environ, out=listed)
            listed.seek(0)
            lines = listed.read().decode(errors="surrogateescape").splitlines()
        return [_entry(found, line) for line in lines if (found := _ENTRY.match(line))]

    def load(
        self, place: str, entries: Iterable[DumpEntry], words: Sequence[str], *, data: bool = True
    ) -> Mapping[int, str]:
        """Load entries into the database at `place`; return why each that could not be made could not, by its number.

        Raise `ProgramFailed` where pg_restore did not come to its end.
        """
        chosen = [entry for entry in entries if data or entry.kind not in _DATA]
        if not chosen:
            return {}
        conninfo, environ = server_tools.arguments(place, self.application)
        said = [
            *words,
            f"--jobs={self.jobs}",
            "--use-list=/dev/stdin",
            "--no-password",
            "--verbose",
            f"--dbname={conninfo}",
            *([] if data else ["--schema-only"]),
            self.folder,
        ]
        tables = sum(entry.kind == "TABLE DATA" for entry in chosen)
        heard = Heard()
        with tempfile.TemporaryFile() as listed, self.reporter.progress("restore", tables, "tables") as progress:
            listed.write("".join(f"{entry.line}\n" for entry in chosen).encode(errors="surrogateescape"))
            listed.flush()
            listed.seek(0)

            def on_line(line: str) -> None:
                if _LOADS_TABLE in line:
                    progress.done = min(progress.done + 1, tables)
                heard(line)

            try:
                server_tools.run(self._program, said, environ, on_line, given=listed)
            except server_tools.ProgramFailed as error:
                if error.code != 1 or not heard.end() or 0 in heard.failed:
                    raise
        return heard.end()
