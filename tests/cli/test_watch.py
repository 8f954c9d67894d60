"""`--watch`: applied at the start and at each saved change; Ctrl-C while it waits is its ordinary end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path


def test_ctrl_c_while_it_waits_ends_it_in_order(tmp_path: Path, database_url: str) -> None:
    for name, text in (
        ("environments/shop.yml", f"url: {database_url}\n"),
        (
            "shop.yml",
            "- name: Shop\n  hosts: shop\n  steps:\n    - name: T\n      table: {name: t, columns: {a: int}}\n",
        ),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "wgm_play", "shop.yml", "--watch"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as watching:
        assert watching.stdout is not None
        said = ""
        while "waiting for changes" not in said:
            line = watching.stdout.readline()
            assert line, said
            said += line
        watching.send_signal(signal.SIGINT)
        rest, _ = watching.communicate(timeout=20)
    assert watching.returncode == 0, rest
    assert "shop : ok=1 changed=1" in said
    assert "ERROR" not in rest
