"""A file that would lie in a submodule which is not checked out: the error says what to type."""

from pathlib import Path

import pytest

from wgm_play.document.load import read_text
from wgm_play.errors import InputError


@pytest.mark.parametrize(
    ("name", "there", "hint"),
    [
        ("lib/steps/a.yml", "", "lib is a submodule that is not checked out here: git submodule update --init lib"),
        ("library/a.yml", "", "check the path"),
        ("lib/steps/a.yml", "lib/other.yml", "check the path"),
    ],
)
def test_a_submodule_that_is_not_checked_out_is_named(tmp_path: Path, name: str, there: str, hint: str) -> None:
    (tmp_path / ".gitmodules").write_text('[submodule "steps"]\n\tpath = lib\n\turl = ../lib\n')
    (tmp_path / "lib").mkdir()
    if there:
        (tmp_path / there).write_text("")
    with pytest.raises(InputError) as found:
        read_text(tmp_path / name, name)
    assert found.value.hint == hint
