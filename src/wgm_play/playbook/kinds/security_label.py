"""Kind `security_label`: what a provider of labels reads of an object, as the rule by which it masks a column.

In: a step. Out: its schema fragment, example and declaration. A provider is a library that a server loads: a label is
never tried in a scratch database, and its declaration has no statements but `attributes["label"]`.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import Folding, Kind, mapping, overlay, ref, text
from wgm_play.playbook.kinds.grant import key_on
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Guests
  table: {name: guests, columns: {id: {type: bigint, primary_key: true}, email: text}}
- name: What the anonymizer does with addresses
  security_label: {on: column guests.email, provider: anon, label: MASKED WITH VALUE NULL}
"""

SCHEMA = mapping(
    {
        "on": text(
            "The object: its kind and its name, as `table nodes`, `column nodes.name`, `function touch()`, `schema app`, "
            "`role reader`, or `database`."
        ),
        "provider": ref("name", "The provider, which the server has loaded. Labels of others stay."),
        "label": text("The label, in the provider's own words; `state: absent` takes it away."),
    },
    ["on", "provider"],
)


def key(step: Step) -> Key:
    """Return the key of the label: the object and the provider."""
    return key_on(step, "security_label", "role", step.spec["provider"])


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a label."""
    return Declaration(key(step), step.index, step.position, attributes={"label": reveal(step.spec["label"])})


KIND = Kind(
    "security_label",
    "A security label (SELinux, anonymization) on an object.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("label",),
)
