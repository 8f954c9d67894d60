"""Each online form is killed at changes of the database and finished by the same command, or taken back half-way.

In: the cases that say `online: always`. Out: catalog, dump and rows as an undisturbed run leaves them, or as they were
before; no INVALID index, trigger, function, column, constraint or lock that outlives its purpose.
`tests/benchmarks/online_faults.py --forms` kills each form after every one of its statements, on its way back too.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import forms
from fix_postgres import Postgres
from forking import Command

LONG = os.environ.get("WGM_TEST_MATRIX") == "long"


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    made = Command()
    yield made
    made.close()


@pytest.mark.share(5)
@pytest.mark.parametrize("path", forms.files(), ids=forms.name_of)
def test_a_form_that_is_killed_is_finished_or_taken_back(
    path: Path, server: Postgres, project: Path, command: Command
) -> None:
    with forms.form(path, server, project, command) as form:
        if form.misfit:
            pytest.skip(form.misfit)
        form.begin()
        # One half of the forms is finished and killed on its way back, the other taken back half-way; the long form does both.
        back = zlib.crc32(forms.name_of(path).encode()) % 2 == 0 and "irreversible" not in form.case
        if LONG or not back:
            assert form.resumed("1:change", "3:change") == ""
        if "irreversible" in form.case:
            return
        if LONG or back:
            # Killed at its first change too: then the run may have recorded nothing yet, and still is the one to take back.
            assert form.finished("1:change", "rollback")[1] == ""
            assert form.finished("3:change", "rollback")[1] == ""
        if LONG or not back:
            assert form.resumed("1:change", verb="rollback") == ""
