"""Flyway's placeholders `${name}`: their values from `flyway.conf` or `flyway.toml`, beside the migrations or above them.

In: a file of Flyway. Out: its text with the values; a placeholder without one is an `InputError` at its line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.importing.parts import SourcePart, text_of

_PLACEHOLDER = re.compile(r"\$\{([^}\s]+)\}")
_SETTING = re.compile(r"^\s*(flyway\.[\w.:-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_OFF = re.compile(r"^\s*placeholderReplacement\s*=\s*false", re.IGNORECASE | re.MULTILINE)
# What Flyway gives by itself, as far as it is the same wherever the file runs.
_OWN = {"flyway:defaultSchema": "public", "flyway:table": "flyway_schema_history"}
# How many folders above the migrations its files are looked for: src/main/resources/db/migration.
_LEVELS = 6


def filled(part: SourcePart) -> SourcePart:
    """Return a part with the values of its placeholders."""
    path = Path(part.file)
    own = path.with_name(path.name + ".conf")
    if "${" not in part.sql or (own.is_file() and _OFF.search(text_of(own))):
        return part
    values = {**_OWN, **_values(path.parent)}

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        known = next((text for key, text in values.items() if key.lower() == name.lower()), None)
        if known is None:
            raise InputError(
                f"the placeholder {found.group()} has no value",
                where=part.place(found.start()),
                hint=f"write `flyway.placeholders.{name}=...` into flyway.conf beside the migrations",
            )
        return known

    return SourcePart(part.file, part.line, _PLACEHOLDER.sub(value, part.sql), part.transaction)


def _values(folder: Path) -> Mapping[str, str]:
    folder = folder.resolve()
    for place in (folder, *list(folder.parents)[:_LEVELS]):
        for conf in (place / "flyway.conf", place / "conf" / "flyway.conf"):
            if conf.is_file():
                found = dict(_SETTING.findall(text_of(conf)))
                return {
                    key.removeprefix("flyway.placeholders."): text
                    for key, text in found.items()
                    if ".placeholders." in key
                }
        toml = place / "flyway.toml"
        if toml.is_file():
            try:
                read = tomllib.loads(text_of(toml))
            except tomllib.TOMLDecodeError as error:
                raise InputError(f"{str(toml)!r} is no TOML: {error}", hint="correct the file") from error
            return {key: str(text) for key, text in (read.get("flyway", {}).get("placeholders") or {}).items()}
    return {}
