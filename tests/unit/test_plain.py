"""What is read without Jinja reads as by Jinja.

In: each of our templates that prints no value. Out: the same text from both, for each major version.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wgm_play import plain_templates, render
from wgm_play.cache.questions import QUESTIONS
from wgm_play.catalog.kinds import QUERIES

ROOT = plain_templates.packaged_templates()
NAMES = sorted(str(file.relative_to(ROOT)) for file in ROOT.rglob("*.sql*"))
VERSIONS = (130000, 140000, 150004, 160000, 170000, 180001)


def _plain(name: str, version: int) -> str | None:
    try:
        return plain_templates.text(name, version)
    except ValueError:
        return None


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_read_without_jinja_reads_as_by_jinja(version: int) -> None:
    read = {name: text for name in NAMES if (text := _plain(name, version)) is not None}
    assert {*QUESTIONS, *(f"catalog/{name}.sql" for name in QUERIES)} <= {*read}
    assert {name: render.render(name, version=version).sql for name in read} == read


@pytest.mark.parametrize("text", ["{{ x | ident }}", "{% for x in y %}{% endfor %}", "{% if x %}{% endif %}"])
def test_what_takes_jinja_is_not_read_without(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.sql").write_text(text)
    monkeypatch.setattr(plain_templates, "packaged_templates", lambda: tmp_path)
    with pytest.raises(ValueError, match="one"):
        plain_templates.text("one.sql", 150000)
