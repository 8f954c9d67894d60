"""Evidence in a file: it counts where a listed key signed it, while it is young, for the environment that it is of; else it is refused."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from promoting import Firm, copied, soaked

from fix_postgres import Postgres
from wgm_play.errors import InputError, Refused
from wgm_play.promotion import signing


@pytest.fixture(scope="module")
def model(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """Staging has held the change for more than the soak; production cannot ask it."""
    with soaked(server, tmp_path_factory.mktemp("firm")) as made:
        yield made


@pytest.fixture
def firm(model: Firm, server: Postgres, tmp_path: Path) -> Iterator[Firm]:
    with copied(model, server, tmp_path) as made:
        yield made


def vouch(firm: Firm) -> None:
    """Commit the allowed signers alone."""
    firm.git("add", "environments/allowed_signers")
    firm.git("commit", "-qm", "keys", "--", "environments/allowed_signers")


def key_of(firm: Firm, who: str, *, options: str = "", listed: bool = True) -> str:
    file = firm.folder.parent / who
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", str(file)], check=True)
    if listed:
        with (firm.folder / "environments" / "allowed_signers").open("a") as signers:
            signers.write(f"{who}@shop.example {options}{file.with_suffix('.pub').read_text()}")
        vouch(firm)
    return str(file)


def file_of(firm: Firm) -> Path:
    return firm.folder.parent / "evidence.json"


def exported(firm: Firm, key: str | None, environment: str = "staging") -> None:
    firm.command("export", environment, {"file": str(file_of(firm)), "key": key})


def said_otherwise(firm: Firm, change: Callable[[dict[str, Any]], None], key: str | None) -> None:
    """Let the file say something else, signed anew with a key, or with the signature that it has."""
    content = json.loads(file_of(firm).read_text())
    data = json.loads(content["said"])
    change(data)
    if key is not None:
        signing.write(data, file_of(firm), Path(key))
    else:
        file_of(firm).write_text(json.dumps({**content, "said": json.dumps(data)}))


def _unsigned(firm: Firm) -> None:
    exported(firm, None)


def _edited(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"))
    said_otherwise(firm, lambda data: data.update(since="2020-01-01T00:00:00+00:00"), None)


def _by_a_key_that_is_not_listed(firm: Firm) -> None:
    key_of(firm, "dora")
    exported(firm, key_of(firm, "mallory", listed=False))


def _by_a_key_that_was_revoked(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"))
    (firm.folder / "environments" / "allowed_signers").write_text("")
    key_of(firm, "other")


def _by_a_key_that_nobody_has_committed(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"))
    with (firm.folder / "environments" / "allowed_signers").open("a") as signers:
        signers.write("# as it is not committed\n")


def _by_a_key_that_is_no_longer_valid(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora", options='valid-before="20200101" '))


def _of_another_environment(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"), "production")


def _of_another_project(firm: Firm) -> None:
    """A project with the same steps and signers, and commits of its own."""
    key = key_of(firm, "dora")
    exported(firm, key)
    said_otherwise(firm, lambda data: data.update(commit="c0ffee" * 6 + "c0ff"), key)


def _of_this_very_database(firm: Firm) -> None:
    key = key_of(firm, "dora")
    exported(firm, key, "production")
    said_otherwise(firm, lambda data: data.update(environment="staging"), key)


def _expired(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"))
    firm.environment("production", ("soak: 24h", "soak: 24h, evidence_lasts: 1ms"))


def _of_a_time_to_come(firm: Firm) -> None:
    key = key_of(firm, "dora")
    exported(firm, key)

    def later(data: dict[str, Any]) -> None:
        data["now"] = (datetime.fromisoformat(data["now"]) + timedelta(days=2)).isoformat()

    said_otherwise(firm, later, key)


def _of_a_soak_that_is_not_over(firm: Firm) -> None:
    firm.pass_time("staging", -2)
    exported(firm, key_of(firm, "dora"))


def _with_steps_taken_out(firm: Firm) -> None:
    key = key_of(firm, "dora")
    exported(firm, key)
    said_otherwise(firm, lambda data: data.update(steps=data["steps"][1:]), key)


def _of_another_revision(firm: Firm) -> None:
    exported(firm, key_of(firm, "dora"))
    firm.write(
        "schema/all.yml", firm.folder.joinpath("schema/all.yml").read_text().replace("due: date", "due: timestamptz")
    )
    firm.commit()


REFUSED: dict[str, tuple[Callable[[Firm], None], str]] = {
    "unsigned": (_unsigned, "has no evidence in evidence.json: it is unsigned"),
    "edited after it was signed": (_edited, "the signature is not of what it says"),
    "by a key that is not listed": (
        _by_a_key_that_is_not_listed,
        "its key is not among the allowed signers: list its key in .*environments/allowed_signers, .* and commit that",
    ),
    "by a key that was revoked": (_by_a_key_that_was_revoked, "its key is not among the allowed signers"),
    "by a key that nobody has committed": (_by_a_key_that_nobody_has_committed, "is not as it is committed"),
    "by a key whose time is over": (
        _by_a_key_that_is_no_longer_valid,
        "it is unsigned: its key was valid until 2020-01-01",
    ),
    "of another environment": (_of_another_environment, "it is of 'production'"),
    "of another project": (_of_another_project, "c0ffeec0ffee, which staging ran, is not in this clone"),
    "of this very database": (_of_this_very_database, "staging is this very database"),
    "too old": (_expired, r"it is \S+ old"),
    "of a time to come": (_of_a_time_to_come, "it is of a time to come"),
    "of a soak that is not over": (_of_a_soak_that_is_not_over, "it has stood on staging for 23h"),
    "with a step taken out": (_with_steps_taken_out, "'Orders' was never run on staging"),
    "of another revision": (_of_another_revision, "changed since .*, which staging ran: schema/all.yml"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_of_evidence_that_does_not_count_is_refused_with_its_reason(firm: Firm, case: str) -> None:
    prepare, reason = REFUSED[case]
    prepare(firm)
    firm.environment("staging", (firm.urls["staging"], "postgresql://postgres@127.0.0.1:1/nothing"))
    with pytest.raises(Refused) as caught:
        firm.run("production", evidence=str(file_of(firm)))
    said = "\n".join([caught.value.message, *caught.value.details])
    assert re.search(reason, said), said
    assert len(firm.sql("production", "SELECT id FROM wgm.run")) == 1


def test_what_is_signed_for_something_else_is_no_evidence(firm: Firm) -> None:
    key = key_of(firm, "dora")
    signing.write({"plan": "a", "environment": "staging", "at": "2026-01-01T00:00:00+00:00"}, file_of(firm), Path(key))
    with pytest.raises(InputError, match="is no evidence"):
        firm.run("production", evidence=str(file_of(firm)))


def test_a_login_without_rights_writes_nothing_into_the_ledger(firm: Firm, server: Postgres) -> None:
    with server.connect() as admin:
        admin.execute("CREATE ROLE forger LOGIN PASSWORD 'of-forger'")
    try:
        firm.sql(
            "staging",
            "GRANT USAGE ON SCHEMA wgm TO forger; GRANT SELECT ON ALL TABLES IN SCHEMA wgm TO forger; "
            "GRANT INSERT (plan, note) ON wgm.approval TO forger",
        )
        head, _, rest = firm.urls["staging"].rpartition("@")
        forgeries = (
            "INSERT INTO wgm.revision SELECT run + 1, commit, source, dirty, whole, mark, steps, at FROM wgm.revision",
            "UPDATE wgm.run_end SET ended_at = ended_at - interval '9 days'",
            "DELETE FROM wgm.alert_check",
            "INSERT INTO wgm.decision (kind, reason, details, os_user) VALUES ('release', 'x', '{}', 'anna')",
            "INSERT INTO wgm.approval (plan, note, role) VALUES ('p', 'x', 'ben')",
            "INSERT INTO wgm.evidence (kind) VALUES ('rehearsal')",
            "ALTER TABLE wgm.approval DISABLE TRIGGER stamped",
        )
        with psycopg.connect(f"{head.partition('://')[0]}://forger:of-forger@{rest}", autocommit=True) as connection:
            for one in forgeries:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(one.encode())
    finally:
        firm.sql("staging", "DROP OWNED BY forger")
        with server.connect() as admin:
            admin.execute("DROP ROLE forger")
