"""Kind `assert`: a query that must return no rows.

In: a step. Out: its schema fragment, example and `Assertion`.
"""

from __future__ import annotations

from wgm_play.playbook.kinds.base import Folding, Kind, mapping, text
from wgm_play.playbook.model import Assertion, Step

EXAMPLE = """
- name: Nobody is older than the world
  assert:
    query: select n from generate_series(1, 3) as n where n > 3
    message: These numbers are too great
"""

SCHEMA = mapping(
    {
        "query": text("A query that must return no rows. With `register`, later steps read its rows.", minLength=1),
        "message": text("What it means when there are rows."),
    },
    ["query"],
)


def declare(step: Step, folding: Folding) -> Assertion:
    """Make the assertion."""
    return Assertion(step.spec["query"], step.spec.get("message"), step.index, step.position)


KIND = Kind("assert", "An assertion: a query that must return no rows.", SCHEMA, EXAMPLE, declare)
