"""A project and its files as they were, side by side: what says the same is loaded once, and each names its own file."""

from pathlib import Path

import pytest

from wgm_play.playbook import files
from wgm_play.playbook.files import Files, copied

SAME = "- name: A\n  schema: {name: a}\n"


def _project(folder: Path, tables: str) -> Path:
    (folder / "environments").mkdir(parents=True)
    (folder / "same.yml").write_text(SAME)
    (folder / "edited.yml").write_text(tables)
    return folder


def _load(project: Path) -> list[str]:
    read = Files(project)
    found = [read.document(project / name, "steps") for name in ("same.yml", "edited.yml")]
    return [str(one[0]["name"].position) for one in found]


def test_what_both_say_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    now = _project(tmp_path / "now", "- name: B\n  schema: {name: b}\n")
    then = _project(tmp_path / "then", "- name: C\n  schema: {name: c}\n")
    loaded: list[str] = []
    load = files.load_text
    monkeypatch.setattr(
        files, "load_text", lambda text, name: loaded.append(Path(name).parent.name) or load(text, name)
    )
    with copied(then, now):
        assert _load(then) == [f"{then}/same.yml:1:9", f"{then}/edited.yml:1:9"]
        assert _load(now) == [f"{now}/same.yml:1:9", f"{now}/edited.yml:1:9"]
        assert loaded == ["then", "then", "now"]
        _load(then), _load(now)
    assert loaded == ["then", "then", "now"]
    # Nothing is kept for a folder that is gone a moment later.
    assert len(list((tmp_path / "kept" / "wgm-play" / "projects").iterdir())) == 1
    _load(then)
    assert loaded == ["then", "then", "now", "then", "then"]
