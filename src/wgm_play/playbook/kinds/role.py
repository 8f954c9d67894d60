"""Kind `role`: a role of the cluster.

In: a step. Out: its schema fragment, example and declaration. A role belongs to the cluster: it is never made in a
scratch database, and its declaration has no statements but attributes, of which only those that are said are compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import COMMENT, Folding, Kind, at, fail, flag, mapping, overlay, ref, text
from wgm_play.playbook.model import Declaration, Step
from wgm_play.secret import register
from wgm_play.sql import reveal

EXAMPLE = """
- name: The application
  role: {name: example_app, login: true, connection_limit: 40, valid_until: 2030-01-01, comment: The web server}
"""

_FLAGS = {
    "login": "LOGIN: the role may connect.",
    "superuser": "SUPERUSER: bypasses all permission checks.",
    "createdb": "CREATEDB: may create databases.",
    "createrole": "CREATEROLE: may create roles.",
    "inherit": "INHERIT the privileges of its groups, without SET ROLE.",
    "replication": "REPLICATION: may stream and create replication slots.",
    "bypass_rls": "BYPASSRLS: row-level security policies do not apply to it.",
}

SCHEMA = mapping(
    {
        "name": ref("name", "The role's name."),
        **{name: flag(words) for name, words in _FLAGS.items()},
        "connection_limit": {
            "description": "CONNECTION LIMIT; -1: none.",
            "type": "integer",
            "minimum": -1,
        },
        "valid_until": text(
            "VALID UNTIL, the expiry of its password: ISO 8601, in UTC where no zone is given, or `infinity`."
        ),
        "password": text(
            "Its password, from the environment: {{ env.NAME }}. PostgreSQL is told a SCRAM verifier only."
        ),
        "member_of": ref("names", "Membership: roles that it is a member of; with options, use `membership`."),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the role that a step is about."""
    return Key("role", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a role."""
    spec = step.spec
    name = reveal(spec["name"])
    if name.startswith("pg_") or name == "public":
        raise fail(f"{name!r} is a name that PostgreSQL keeps for itself", at(spec, "name"), "choose another name")
    said: dict[str, Any] = {word: bool(spec[word]) for word in _FLAGS if spec.get(word) is not None}
    if spec.get("connection_limit") is not None:
        said["connection_limit"] = int(spec["connection_limit"])
    if spec.get("valid_until") is not None:
        said["valid_until"] = _until(step)
    if "comment" in spec:
        said["comment"] = None if spec["comment"] is None else reveal(spec["comment"])
    if spec.get("member_of"):
        said["member_of"] = [reveal(one) for one in spec["member_of"]]
    if spec.get("password") is not None:
        register(reveal(spec["password"]))
        said["password"] = spec["password"]
    return Declaration(key(step), step.index, step.position, attributes=said)


def _until(step: Step) -> str:
    given = reveal(step.spec["valid_until"])
    if given == "infinity":
        return given
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise fail(
            f"{given!r} is no time", at(step.spec, "valid_until"), "write 2030-01-31 or 2030-01-31T12:00:00+00:00"
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


KIND = Kind("role", "A role of the cluster.", SCHEMA, EXAMPLE, declare, key, overlay)
