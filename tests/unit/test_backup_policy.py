"""A play's `backup:`: what it means, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wgm_play.backup import BackupPolicy, methods, parse_policy
from wgm_play.backup.policy import folder
from wgm_play.document.load import load_text
from wgm_play.errors import InputError, Position
from wgm_play.playbook.backup_keys import SCHEMA

FULL = """\
before_changes: young
method: logical
max_age: 24h
retention: {full: 3, incremental: 14}
verify: restore
directory: backups/here
jobs: 4
"""


def test_every_key_is_read() -> None:
    given = load_text(FULL, "play.yml")
    jsonschema.validate(given, SCHEMA)
    policy = parse_policy(given)
    assert policy == BackupPolicy(
        "logical", "young", 86400.0, {"full": 3, "incremental": 14}, "restore", "backups/here", 4
    )
    assert folder(policy.directory, Path("/project"), "production") == Path("/project/backups/here")


def test_without_keys_a_backup_is_taken_before_changes() -> None:
    policy = parse_policy({})
    assert policy is not None
    assert (policy.before_changes, policy.method, policy.verify, policy.keep) == ("new", "logical", "catalog", 2)
    assert folder(policy.directory, Path("/project"), "staging") == Path("/project/.wgm/backups/staging")
    assert parse_policy(None) is None


def test_the_schema_knows_exactly_the_keys_of_the_policy() -> None:
    assert set(SCHEMA["properties"]) == set(BackupPolicy.__slots__) - {"outdated"}
    assert set(methods()) <= set(SCHEMA["properties"]["method"]["enum"])
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("method: borg", "no backup method 'borg'", 1),
        ("method: tape", "no backup method 'tape'", 1),
        ("verify: maybe", "`backup.verify` is 'maybe', expected none or manifest or catalog or restore", 1),
        ("jobs: 2\nretention: 0", "`backup.retention` is 0", 2),
        ("retention: {full: true}", "`backup.retention`", 1),
        ("max_age: soon", "backup.max_age", 1),
        ("before_changes: on", "`backup.before_changes` is 'on', expected new or young or none", 1),
        ("jobs: 2\nbefore_changes: young", "`backup.before_changes: young` does not say how young", 2),
        ("jobs: 0", "`backup.jobs` is 0", 1),
        ("directory: 3", "`backup.directory` is 3", 1),
        ("verfy: none", "`backup` has no key 'verfy'", 1),
    ],
)
def test_what_is_wrong_is_pointed_at(text: str, message: str, line: int) -> None:
    given: Any = load_text(text, "play.yml")
    with pytest.raises(InputError) as caught:
        parse_policy(given)
    assert message in caught.value.message
    assert isinstance(caught.value.where, Position)
    assert caught.value.where.line == line
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("before_changes: true", "new"),
        ("before_changes: true\nmax_age: 1h", "new"),
        ("before_changes: false\nmax_age: 1h", "young"),
        ("before_changes: false", "none"),
    ],
)
def test_the_words_of_an_older_version_mean_what_they_meant_and_are_warned_of(text: str, meant: str) -> None:
    given = load_text(text, "play.yml")
    jsonschema.validate(given, SCHEMA)
    policy = parse_policy(given)
    assert policy is not None
    assert policy.before_changes == meant
    (told,) = policy.outdated
    assert f"is now written `{meant}`" in told


def test_differential_backups_are_asked_of_an_engine_that_takes_them() -> None:
    policy = parse_policy({"method": "pgbackrest", "retention": {"full": 1, "differential": 2}})
    assert policy is not None
    assert dict(policy.retention) == {"full": 1, "differential": 2}
    with pytest.raises(InputError, match="full backups with `method: barman`"):
        parse_policy({"method": "barman", "retention": {"differential": 2}})
