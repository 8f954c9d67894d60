"""The pages of hazards: each code that a plan can name has one."""

from __future__ import annotations

import re
from pathlib import Path

import wgm_play
from wgm_play.hazards import page, pages


def test_every_code_in_the_program_has_a_page() -> None:
    source = Path(wgm_play.__file__).parent
    named = {
        code
        for file in (source / "operations").rglob("*.py")
        for code in re.findall(r'hazard\(\s*"([A-Z]\d\d)"|"([CKITPVYRGSXQ]\d\d)"', file.read_text())
        for code in code
        if code
    }
    assert named
    assert named <= set(pages())


def test_a_page_says_what_happens_and_what_is_done_instead() -> None:
    text = page("c08")
    assert text is not None
    assert text.startswith("# C08: change a column's type")
    assert "## What wgm-play does" in text
    assert page("Z99") is None
    assert all(len(part) > 3 for parts in pages().values() for part in parts)
