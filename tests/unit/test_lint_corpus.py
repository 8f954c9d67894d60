"""Every case of `tests/lint/*.sql`: the dangerous is found, the safe is not flagged.

A case begins with `--! what it is => CODES`; codes in parentheses are advice. After `|`: `file=NAME`, `rows=TABLE:NUMBER`,
`version=NUMBER`, `raw` (no timeouts are set before it). `--+` begins the next file of a folder of migrations.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wgm_play.lint.command import LintOptions, lint

CASES = Path(__file__).parents[1] / "lint"
TIMEOUTS = "SET lock_timeout = '2s'; SET statement_timeout = '30s';\n"


def cases() -> list[tuple[str, str, str]]:
    """Return (name, what is expected, text) of all cases."""
    found = []
    for file in sorted(CASES.glob("*.sql")):
        for one in re.split(r"^--! ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            head, _, text = one.partition("\n")
            name, _, expected = head.rpartition(" => ")
            found.append((f"{file.stem}: {name}", expected, text))
    return found


def written(folder: Path, options: dict[str, str], text: str) -> Path:
    """Write a case's files; return what is linted: the only file, or the folder."""
    parts = re.split(r"^--\+.*\n", text, flags=re.MULTILINE)
    prelude = "" if "raw" in options else TIMEOUTS
    for number, part in enumerate(parts):
        name = options.get("file") or f"{number + 1:03}.sql"
        inside = re.compile(r"^(-- migrate:up.*|-- \+goose Up.*|--changeset.*)$", re.MULTILINE)
        made = (
            inside.sub(lambda head: f"{head.group()}\n{prelude}", part, count=1)
            if inside.search(part)
            else prelude + part
        )
        (folder / name).write_text(made, encoding="utf-8")
    return folder if len(parts) > 1 else folder / (options.get("file") or "001.sql")


@pytest.mark.parametrize(
    ("name", "expected", "text"), cases(), ids=lambda value: value if ": " in str(value)[:40] else ""
)
def test_case(tmp_path: Path, name: str, expected: str, text: str) -> None:
    codes, _, more = expected.partition(" | ")
    options = {key: value for key, _, value in (word.partition("=") for word in more.split())}
    path = written(tmp_path, options, text)
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.wgm-play.lint]\nserver_version = {options.get('version', 18)}\n", encoding="utf-8"
    )
    rows = [options["rows"].replace(":", "=")] if "rows" in options else []
    findings, _ = lint(LintOptions([str(path)], rows=rows))
    advice = set(re.findall(r"\((\w+)\)", codes))
    wanted = {word for word in re.sub(r"\(\w+\)", "", codes).split() if word != "nothing"}
    told = [one for one in findings if not one.acknowledged]
    shown = [f"{one.where} {one.severity} {one.code} {one.message}" for one in told]
    assert {one.code for one in told if one.severity != "info"} == wanted, shown
    assert advice <= {one.code for one in told if one.severity == "info"}


def test_the_corpus_is_large() -> None:
    found = cases()
    assert len(found) >= 150
    assert len([one for one in found if one[1].split(" | ")[0].startswith("nothing")]) >= 70
