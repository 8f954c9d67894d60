"""Kind `procedure`: a routine that is called.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.playbook.kinds.base import Folding, Kind, body_of, mapping, overlay, statement
from wgm_play.playbook.kinds.function import COMMON, key, routine, values_of
from wgm_play.playbook.model import Declaration, Step

EXAMPLE = """
- name: Called by night
  procedure:
    name: say
    arguments: [{name: words, type: text}]
    body: |
      begin
        raise notice '%', words;
      end
    set: {search_path: "pg_catalog, public"}
    comment: Says it
"""

SCHEMA = mapping(COMMON, ["name"])


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a procedure."""
    body = body_of(step.spec, "body", "procedure")
    if body.whole:
        made = statement("procedure/declare_whole.sql.j2", folding, body.position, lines=body.lines)
    else:
        made = statement("procedure/declare.sql.j2", folding, step.spec.position, **values_of(step, body))
    return routine(step, made, folding)


KIND = Kind(
    "procedure", "A procedure, which is called.", SCHEMA, EXAMPLE, declare, key, overlay, (("body", "template"),)
)
