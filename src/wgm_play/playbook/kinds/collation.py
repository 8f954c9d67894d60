"""Kind `collation`: an order of texts.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    choice,
    flag,
    ident_at,
    mapping,
    overlay,
    parts_of,
    ref,
    statement,
    text,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    name_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: The order of bytes
  collation: {name: bytes, provider: libc, locale: C}
- name: Another copy of it
  collation: {name: codes, from: pg_catalog.C}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The collation's name."),
        "schema": SCHEMA_KEY,
        "from": ref("object", "Another collation to copy."),
        "provider": choice(
            "Collation provider: libc, icu, or builtin (PostgreSQL 17 and later).",
            "libc",
            "icu",
            "builtin",
            default="libc",
        ),
        "locale": text("The locale, as `de-u-co-phonebk` (icu) or `de_DE.UTF-8` (libc)."),
        "lc_collate": text("LC_COLLATE, the locale of the sort order alone (libc)."),
        "lc_ctype": text("LC_CTYPE, the locale of character classes alone (libc)."),
        "deterministic": flag(
            "DETERMINISTIC: strings that sort equal but differ in bytes are different (false: icu only).", True
        ),
        "rules": text("Rules that tailor the order (icu, PostgreSQL 16 and later)."),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("collation", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    options = [Sql(f"PROVIDER = {spec.get('provider') or 'libc'}", spec.position)]
    for given in ("locale", "lc_collate", "lc_ctype", "rules"):
        if spec.get(given) is not None:
            options.append(Sql(f"{given.upper()} = {literal(reveal(spec[given]))}", at(spec, given)))
    if spec.get("deterministic") is False:
        options.append(Sql("DETERMINISTIC = false", at(spec, "deterministic")))
    source = name_at(spec, "from")
    made = statement("collation/create.sql.j2", folding, spec.position, name=name, source=source, options=options)
    return declared(step, folding, mine, [made], "COLLATION", name)


KIND = Kind(
    "collation",
    "A collation: a sort order of strings.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (("from", "locale", "lc_collate"),),
)
