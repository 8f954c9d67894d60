"""Approvals: bound to a plan file, by logins that the server knows or keys that are listed; the author's own never counts."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from promoting import STEPS, Firm, Heard, copied, founded

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.cli import application
from wgm_play.errors import InputError, Refused
from wgm_play.options import Options
from wgm_play.promotion import signing

PEOPLE = ("anna", "ben", "carl", "dora")
NEEDS = "promotion: {from: staging, approvals: 2, approvers: [anna, ben, carl], require: []}"


@pytest.fixture(scope="module")
def model(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """Staging has the change, production needs two approvals; four people have logins, three of them may approve."""
    with server.connect() as admin:
        for one in PEOPLE:
            admin.execute(f"CREATE ROLE {one} LOGIN PASSWORD 'secret-of-{one}'".encode())
    with founded(server, tmp_path_factory.mktemp("firm")) as made:
        text = made.folder.joinpath("environments/production.yml").read_text()
        made.write("environments/production.yml", text.partition("promotion:")[0] + NEEDS + "\n")
        made.write("schema/all.yml", STEPS.replace("note: text", "note: text\n      due: date"))
        made.commit()
        made.run("staging")
        made.command("promote", "production", {"prepare": True})
        yield made
    with server.connect() as admin:
        for role in PEOPLE:
            admin.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def firm(model: Firm, server: Postgres, tmp_path: Path) -> Iterator[Firm]:
    with copied(model, server, tmp_path) as made:
        made.run("production", check=True, save_plan=plan(made))
        yield made


def plan(firm: Firm) -> str:
    return str(firm.folder / "plan.json")


def approve(firm: Firm, who: str, *, key: str | None = None, database: str = "production") -> list[str]:
    head, _, rest = firm.urls[database].rpartition("@")
    url = f"{head.partition('://')[0]}://{who}:secret-of-{who}@{rest}"
    options = Options(str(firm.folder / "production.yml"), plan=plan(firm), url=url, limit="production")
    pipeline.approve(options, heard := Heard(), key=key)
    return heard.said


def vouch(firm: Firm, by: str = "Keeper") -> None:
    """Commit the allowed signers alone."""
    firm.git("add", "environments/allowed_signers")
    firm.git("commit", "-qm", "keys", "--", "environments/allowed_signers", by=by)


def key_of(firm: Firm, who: str, *, listed: bool = True, by: str = "Keeper", line: str = "") -> str:
    """Make a key, and list it as its owner's, or as `line` says."""
    file = firm.folder.parent / who
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", str(file)], check=True)
    if listed:
        with (firm.folder / "environments" / "allowed_signers").open("a") as signers:
            signers.write(f"{line or f'{who}@shop.example'} {file.with_suffix('.pub').read_text()}")
        vouch(firm, by)
    return str(file)


def edited(firm: Firm, change: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads(Path(plan(firm)).read_text())
    change(data)
    Path(plan(firm)).write_text(json.dumps(data))


def run(firm: Firm) -> Heard:
    return firm.run("production", plan=plan(firm))


def test_two_logins_approve_and_exactly_that_plan_runs_once(firm: Firm) -> None:
    assert any("this approval will not count" in one for one in approve(firm, "anna"))
    assert not any("not count" in one for one in approve(firm, "ben"))
    with pytest.raises(Refused, match="1 of 2 approvals") as caught:
        run(firm)
    assert caught.value.details[0].endswith("wgm-play approve plan.json (carl)")  # neither who wrote it nor who said so
    approve(firm, "ben")  # one person counts once
    with pytest.raises(Refused, match="1 of 2 approvals"):
        run(firm)
    approve(firm, "carl")
    run(firm)
    assert any("held from now on" in one for one in firm.command("rollback", "production").said)
    firm.command("promote", "production", {"release": True}, reason="again")
    with pytest.raises(Refused, match=r"ben: was used already, by a run of this plan"):
        run(firm)
    rows = firm.command("status", "production").rows
    assert next(one for one in rows if one[1] == "release")[-1] == "again"


def test_a_key_approves_without_a_login_and_beside_one(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "dora"))
    approve(firm, "ben", key=key_of(firm, "carl"))
    run(firm)


def _self(firm: Firm) -> None:
    approve(firm, "anna")


def _own_key(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "anna"))


def _same_person_with_a_key(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "ben"))


def _unlisted_key(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "mallory", listed=False))
    key_of(firm, "other")


def _unsigned(firm: Firm) -> None:
    file = Path(f"{plan(firm)}.carl.approval")
    file.write_text(json.dumps({"said": "{}", "signature": None}))


def _edited_signed(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "carl"))
    file = Path(f"{plan(firm)}.carl.approval")
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "said": data["said"].replace("production", "anything")}))


def _of_another_plan(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "carl"))
    edited(firm, lambda data: data.update(warnings=["other"]))
    approve(firm, "ben")


def _another_name_in_the_row(firm: Firm) -> None:
    firm.sql(
        "production",
        "SET session_replication_role = replica; "
        "INSERT INTO wgm.approval (plan, role) SELECT plan, 'carl' FROM wgm.approval",
    )


def _expired(firm: Firm) -> None:
    approve(firm, "carl")
    firm.pass_time("production", 24 * 8)
    approve(firm, "ben")


def _another_author_in_the_plan(firm: Firm) -> None:
    edited(firm, lambda data: data["saved"].update(email="nobody@shop.example"))


def _add(firm: Firm, column: str, file: str = "schema/all.yml") -> None:
    """Add a column to the orders, after that of its first letter: two branches change different lines."""
    text, after = firm.folder.joinpath(file).read_text(), "due: date" if column > "m" else "note: text"
    firm.write(file, text.replace(after, f"{after}\n      {column}: boolean"))


def _planned_anew(firm: Firm, message: str = "a change", **author: str) -> None:
    """Commit a change of the play by somebody, let staging run it, save its plan, and let ben approve."""
    _add(firm, "seen")
    firm.git("add", "-A")
    firm.git("commit", "-qm", message, *(f"--author={one}" for one in author.values()))
    _planned(firm)


def _planned(firm: Firm) -> None:
    """Let staging run what is committed, save its plan, and let ben approve."""
    firm.run("staging")
    firm.run("production", check=True, save_plan=plan(firm))
    approve(firm, "ben")


def _committed_under_another_mail(firm: Firm) -> None:
    _planned_anew(firm, author="Ben <night-owl@home.example>")


def _committed_under_another_name_and_mail(firm: Firm) -> None:
    firm.write(".mailmap", "Ben <ben@shop.example> <night-owl@home.example>\n")
    _planned_anew(firm, author="owl <night-owl@home.example>")


def _written_by_two(firm: Firm) -> None:
    _planned_anew(firm, "a change\n\nCo-authored-by: Benjamin <Ben@shop.example>")


def _written_by_a_hidden_address(firm: Firm) -> None:
    _planned_anew(firm, author="The one and only <12345+ben@users.noreply.github.com>")


def _written_before_it_was_renamed(firm: Firm) -> None:
    _add(firm, "seen")
    firm.commit(by="Ben")
    for old, new in (("schema/all.yml", "schema/tables.yml"), ("schema/tables.yml", "schema/orders.yml")):
        firm.git("mv", old, new)
        for name in firm.urls:
            firm.write(f"{name}.yml", firm.folder.joinpath(f"{name}.yml").read_text().replace(old, new))
        firm.commit()
    _planned(firm)


def _two_branches(firm: Firm) -> None:
    firm.git("checkout", "-qb", "other")
    _add(firm, "early")
    firm.commit()
    firm.git("checkout", "-q", "main")
    _add(firm, "seen")
    firm.commit()


def _merged_by_hand(firm: Firm) -> None:
    _two_branches(firm)
    firm.git("merge", "-q", "--no-commit", "--no-ff", "other", by="Ben")
    _add(firm, "sly")
    firm.commit(by="Ben")
    _planned(firm)


def _after_a_rollback(firm: Firm) -> None:
    approve(firm, "carl")
    run(firm)
    firm.command("rollback", "production")
    firm.command("promote", "production", {"release": True}, reason="again")
    firm.write("README.md", "more")
    firm.commit(by="Carl")
    firm.run("production", check=True, save_plan=plan(firm))
    approve(firm, "anna")


def _key_that_came_with_the_change(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "zoe", by="Anna"))


def _key_for_two(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "zoe", line="zoe@shop.example,anna@shop.example"))


def _key_for_everybody(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "zoe", line="*@shop.example"))


def _key_that_is_over(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "zoe", line='zoe@shop.example valid-before="20200101"'))


def _key_for_something_else(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "zoe", line='zoe@shop.example namespaces="git"'))


def _of_another_commit(firm: Firm) -> None:
    """The same statements, made of another commit: the file is another one."""
    approve(firm, "ben", key=key_of(firm, "carl"))
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text.replace("- name: Ages", "- name: Years"))
    firm.commit()
    _planned(firm)


def _of_another_environment(firm: Firm) -> None:
    """What was said of staging's plan is brought along for production's."""
    approve(firm, "ben", key=key_of(firm, "carl"))
    file = Path(f"{plan(firm)}.carl.approval")
    said = {**json.loads(json.loads(file.read_text())["said"]), "environment": "staging"}
    signing.write(said, file, Path(key_of(firm, "dora")))


def _half_a_file(firm: Firm) -> None:
    approve(firm, "ben", key=key_of(firm, "carl"))
    file = Path(f"{plan(firm)}.carl.approval")
    file.write_text(file.read_text()[:200])


def _shallow(firm: Firm) -> None:
    old, whole = firm.folder, firm.folder.with_name("whole")
    old.rename(whole)
    firm.folder = whole
    firm.git("clone", "-q", "--depth", "1", f"file://{whole}", str(old))
    firm.folder = old
    Path(plan(firm)).write_bytes((whole / "plan.json").read_bytes())


NOT_COUNTED: dict[str, tuple[Callable[[Firm], None], str]] = {
    "by who made the change": (_self, "anna: made the change or saved the plan"),
    "by the key of who made the change": (_own_key, "anna@shop.example: made the change"),
    "by a login and a key of one person": (_same_person_with_a_key, "1 of 2 approvals"),
    "by a key that is not listed": (_unlisted_key, "mallory.approval: unsigned: its key is not among"),
    "by nobody": (_unsigned, "carl.approval: unsigned"),
    "edited after it was signed": (_edited_signed, "carl.approval: unsigned: the signature is not of what it says"),
    "of another plan": (_of_another_plan, "carl@shop.example: is for another plan"),
    "of another commit": (_of_another_commit, "carl@shop.example: is for another plan"),
    "of another environment": (_of_another_environment, "dora@shop.example: is for another plan"),
    "in another's name": (_another_name_in_the_row, "postgres: is not among the approvers|made the change or saved"),
    "by who committed under another mail": (_committed_under_another_mail, "ben: made the change"),
    "by who committed under another name": (_committed_under_another_name_and_mail, "ben: made the change"),
    "by who wrote it with another": (_written_by_two, "ben: made the change"),
    "by a hidden address of a forge": (_written_by_a_hidden_address, "ben: made the change"),
    "by who wrote it before the file was renamed": (_written_before_it_was_renamed, "ben: made the change"),
    "by who added to it while merging": (_merged_by_hand, "ben: made the change"),
    "by who made what was rolled back": (_after_a_rollback, "anna: made the change"),
    "by a key that came with the change": (
        _key_that_came_with_the_change,
        r"zoe@shop.example: its key was added since production ran last, by who made the change \(anna\): .*--record",
    ),
    "by a key of two people": (_key_for_two, "zoe@shop.example: made the change"),
    "by a key of everybody": (_key_for_everybody, r"its key is listed for \*@shop.example, which names nobody"),
    "by a key whose time is over": (_key_that_is_over, "unsigned: its key was valid until 2020-01-01"),
    "by a key for something else": (_key_for_something_else, "its key may not sign for wgm-play"),
    "by half a file": (_half_a_file, "carl.approval: .*is no file of ours, or only a part of one"),
    "where who made it is not in the clone": (
        _shallow,
        "who made the change is not known: .*, which production ran last, is not in this clone: git fetch --unshallow",
    ),
    "long ago": (_expired, "carl: expired"),
    "with the author taken out of the plan": (_another_author_in_the_plan, "0 of 2 approvals"),
}


@pytest.mark.parametrize("case", NOT_COUNTED)
def test_an_approval_that_does_not_count_is_told_with_its_reason(firm: Firm, case: str) -> None:
    approve(firm, "ben")
    prepare, reason = NOT_COUNTED[case]
    prepare(firm)
    with pytest.raises(Refused) as caught:
        run(firm)
    assert re.search(reason, "\n".join(caught.value.details)), caught.value.details


def test_whoever_merges_what_two_wrote_may_approve_it(firm: Firm) -> None:
    _two_branches(firm)
    firm.git("merge", "-q", "--no-ff", "-m", "both", "other", by="Ben")
    _planned(firm)
    approve(firm, "carl")
    run(firm)


def test_only_a_plan_file_can_be_approved_and_only_here(firm: Firm) -> None:
    approve(firm, "ben")
    approve(firm, "carl")
    with pytest.raises(Refused, match="approvals are needed, and only a saved plan can have any"):
        firm.run("production")
    with pytest.raises(Refused, match="another database"):
        approve(firm, "ben", database="staging")
    with pytest.raises(Refused, match="may not approve here"):
        approve(firm, "dora")
    with pytest.raises(InputError, match="is no plan"):
        firm.write("plan.json", "{}")
        approve(firm, "ben")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"format": 0}, "is a plan of format 0, not 1: plan again"),
        ({"saved": {"database": "1:2:other"}}, "for another database"),
    ],
)
def test_a_plan_of_another_version_or_database_is_refused(firm: Firm, said: dict[str, Any], reason: str) -> None:
    approve(firm, "ben")
    approve(firm, "carl")
    edited(firm, lambda data: data.update(said))
    with pytest.raises((Refused, InputError)) as caught:
        run(firm)
    found = caught.value
    assert reason in ": ".join([found.message, *found.details, str(found.hint)]), found.message


def test_a_plan_is_saved_by_a_login_that_may_only_read(firm: Firm) -> None:
    firm.sql(
        "production",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO dora; "
        "GRANT USAGE ON SCHEMA wgm TO dora; GRANT SELECT ON ALL TABLES IN SCHEMA wgm TO dora",
    )
    head, _, rest = firm.urls["production"].rpartition("@")
    url = f"{head.partition('://')[0]}://dora:secret-of-dora@{rest}"
    firm.run("production", check=True, save_plan=plan(firm), url=url)
    assert json.loads(Path(plan(firm)).read_text())["saved"]["role"] == "dora"
    approve(firm, "ben")
    approve(firm, "carl")
    run(firm)


def test_evidence_goes_in_a_signed_file_where_staging_cannot_be_asked(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = str(firm.folder.parent / "evidence.json"), key_of(firm, "dora")
    for signed in (None, key):
        firm.command("export", "staging", {"file": file, "key": signed})
        if signed is None:
            with pytest.raises(Refused, match="unsigned"):
                firm.command("verify", "production", {"file": file})
            with pytest.raises(Refused, match=r"it is unsigned"):
                firm.run("production", evidence=file)
    assert any(
        "signed by dora@shop.example" in one for one in firm.command("verify", "production", {"file": file}).said
    )
    monkeypatch.chdir(firm.folder)
    assert application.run(["promote", "--verify", file]) == 0  # whoever asks needs no playbook
    assert application.run(["promote"]) == 1
    firm.environment("staging", (firm.urls["staging"], "postgresql://postgres@127.0.0.1:1/nothing"))
    text = firm.folder.joinpath("environments/production.yml").read_text()
    firm.write("environments/production.yml", text.replace("approvals: 2, ", ""))
    firm.run("production", evidence=file)
