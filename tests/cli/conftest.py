"""Fixtures of the command's tests. In: an empty folder. Out: the real command, run in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_command import Command


@pytest.fixture
def wgm(tmp_path: Path) -> Command:
    """Run `wgm-play WORDS…` in an empty folder."""
    return Command(tmp_path)
