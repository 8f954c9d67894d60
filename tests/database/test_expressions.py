"""No way of writing an expression makes a false difference: WGM_EXAMPLES=2000 tries so many expressions, WGM_SEED others.

In: playbooks with expressions by chance, in every place that takes one. Out: the database made of one, what inspection
writes of that, and the database made of this are the same; no second run finds a difference, whichever playbook it has.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import yaml
from expressions import Expressions
from hypothesis import given, settings
from hypothesis import strategies as st
from roundtrip import apply, catalog, difference, inspect
from test_roundtrip import SUITE, databases, seeded, version

from fix_postgres import Postgres

# How many expressions one playbook holds.
EACH = 40
EXAMPLES = max(int(os.environ.get("WGM_EXAMPLES", "80")) // EACH, 1)


@seeded
@settings(SUITE, max_examples=EXAMPLES)
@given(source=st.randoms(use_true_random=False))
def test_an_expression_is_no_difference_from_itself(server: Postgres, source: random.Random) -> None:
    names = databases(server, 2)
    made, rebuilt = map(server.url, names)
    folder = Path(tempfile.mkdtemp(prefix="wgm-expressions-"))
    try:
        (folder / "environments").mkdir()
        (folder / "environments" / "production.yml").write_text("embedded: true\n")
        written = folder / "written.yml"
        steps = Expressions(source).steps(version(server))
        written.write_text(
            yaml.safe_dump([{"name": "P", "hosts": "production", "steps": steps}], sort_keys=False, width=1000)
        )
        apply(written, made)
        assert apply(written, made) == 0, "as it was written"
        inspected = inspect(made, folder / "inspected")
        assert apply(inspected, made) == 0, "as it was inspected"
        apply(inspected, rebuilt)
        assert difference(catalog(made), catalog(rebuilt)) == ""
        assert apply(inspected, rebuilt) == 0, "as it was inspected, where it was made of that"
        assert apply(written, rebuilt) == 0, "as it was written, where it was made of what was inspected"
    finally:
        if not os.environ.get("WGM_KEEP"):
            shutil.rmtree(folder)
        for name in names:
            server.drop_database(name)
