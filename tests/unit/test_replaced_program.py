"""A server whose program was replaced by an upgrade is known: the kept scratch server would load libraries not made for it.

In: a process whose program is taken away. Out: whether that is told.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wgm_play import processes


@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="the system does not say what a process runs")
def test_a_process_whose_program_was_replaced_is_known(tmp_path: Path) -> None:
    program = tmp_path / "cat"
    shutil.copy(shutil.which("cat") or "/bin/cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        assert not processes.program_replaced(process.pid)
        shutil.copy(program, tmp_path / "new")
        (tmp_path / "new").rename(program)
        assert processes.program_replaced(process.pid)
        process.communicate()
    assert not processes.program_replaced(process.pid)
