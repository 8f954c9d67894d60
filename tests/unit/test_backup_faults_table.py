"""The table of faults and engines is whole, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from wgm_play.backup import methods

DATABASE = Path(__file__).parents[1] / "database"
TABLE = yaml.safe_load((DATABASE / "backup_faults.yml").read_text())
# The fewest faults that are injected over all engines.
INJECTED = 40


def named(file: str, beginning: str) -> list[str]:
    """Return the tests of a file whose names begin so."""
    text = (DATABASE / f"test_{file}.py").read_text()
    return re.findall(rf"^def (test_{re.escape(beginning)}\w*)", text, re.MULTILINE)


def test_each_fault_is_held_by_a_test_or_says_why_it_cannot_be() -> None:
    cells = {(fault, engine): cell for fault, engines in TABLE.items() for engine, cell in engines.items()}
    assert {engine for _, engine in cells} == set(methods())
    assert len(cells) == len(TABLE) * len(methods())
    held = {where: cell for where, cell in cells.items() if isinstance(cell, list)}
    wrong = [
        (where, one) for where, cell in held.items() for test in cell for one in test.items() if len(named(*one)) != 1
    ]
    assert wrong == []
    assert len(held) >= INJECTED
    assert all(isinstance(cell, str) and cell for where, cell in cells.items() if where not in held)
