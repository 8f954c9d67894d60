"""Promotion: production runs what staging has tried, at that commit, after the soak; whatever is missing or forged is refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from promoting import STEPS, Firm, Heard, copied, soaked

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import Found, InputError, Refused, StepFailed
from wgm_play.options import Options
from wgm_play.planning import planfile
from wgm_play.rehearsal import certificate
from wgm_play.run import running


@pytest.fixture(scope="module")
def model(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """The firm when staging has a column more than both had first, committed; the soak is over."""
    with soaked(server, tmp_path_factory.mktemp("firm")) as made:
        yield made


@pytest.fixture
def firm(model: Firm, server: Postgres, tmp_path: Path) -> Iterator[Firm]:
    """A copy of the model's repository and databases."""
    with copied(model, server, tmp_path) as made:
        yield made


def columns(firm: Firm, name: str) -> list[str]:
    found = firm.sql(name, "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0")
    return [row[0] for row in found]


def test_what_staging_has_tried_is_run_with_its_evidence(firm: Firm) -> None:
    heard = firm.command("promote", "production")
    assert [(row[0], row[1]) for row in heard.rows if row[0] in ("holds", "missing")] == [
        ("holds", "revision"),
        ("holds", "steps"),
        ("holds", "soak"),
        ("holds", "quiet_alerts"),
        ("holds", "undrifted"),
    ]
    assert columns(firm, "production") == ["id", "note", "due"]


def _staging_rolled_back(firm: Firm) -> None:
    firm.command("rollback", "staging")


def _never_run(firm: Firm) -> None:
    firm.write("schema/all.yml", STEPS.replace("note: text", "note: text\n      due: date\n      seen: boolean"))
    firm.commit()


def _a_comment_only(firm: Firm) -> None:
    firm.write("schema/all.yml", firm.folder.joinpath("schema/all.yml").read_text() + "# reviewed\n")
    firm.commit()


def _edited(firm: Firm) -> None:
    firm.write("schema/all.yml", STEPS.replace("note: text", "note: text\n      due: date\n      sly: text"))


def _edited_on_staging(firm: Firm) -> None:
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text + "# not committed\n")
    firm.run("staging")
    firm.write("schema/all.yml", text)
    firm.pass_time("staging", 25)


def _soak_not_over(firm: Firm) -> None:
    firm.pass_time("staging", -2)


def _clock_turned_back(firm: Firm) -> None:
    firm.pass_time("staging", -48)


def _applied_again_after_a_rollback(firm: Firm) -> None:
    firm.command("rollback", "staging")
    firm.run("staging")


def _rollback_after_the_soak_of_what_came_before(firm: Firm) -> None:
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text.replace("due: date", "due: date\n      more: int"))
    firm.commit()
    firm.run("staging")
    firm.command("rollback", "staging")
    firm.write("schema/all.yml", text)
    firm.commit()


def _alert_in_the_soak(firm: Firm) -> None:
    firm.sql(
        "staging",
        "INSERT INTO wgm.alert_check (environment, play, evaluated, states, counters) VALUES ('staging', 'Shop, staging', 1, "
        """'[{"alert": "TooSlow", "severity": "critical", "state": "firing", "value": 1}]', '{}')""",
    )


def _nobody_looked(firm: Firm) -> None:
    alert = "  alerts:\n    - {name: TooMany, query: select 1 as value, threshold: '> 2'}\n"
    for name in firm.urls:
        firm.write(f"{name}.yml", firm.folder.joinpath(f"{name}.yml").read_text() + alert)
    firm.commit()
    firm.run("staging")
    firm.pass_time("staging", 25)


def _production_drifted(firm: Firm) -> None:
    firm.sql("production", "ALTER TABLE orders ADD COLUMN by_hand int")


def _another_database(firm: Firm) -> None:
    firm.environment("staging", (firm.urls["staging"], firm.urls["production"]), more="marker: production\n")


def _marked_otherwise(firm: Firm) -> None:
    firm.environment("staging", more="marker: elsewhere\n")


def _not_there(firm: Firm) -> None:
    firm.environment("staging", (firm.urls["staging"], "postgresql://postgres@127.0.0.1:1/nothing"))


def _no_secret(firm: Firm) -> None:
    firm.environment("staging", (firm.urls["staging"], '"{{ env.NO_SUCH_URL }}"'))


def _no_repository(firm: Firm) -> None:
    (firm.folder / ".git").rename(firm.folder / "git")


def _shallow_clone(firm: Firm) -> None:
    firm.write("README.md", "more")
    firm.commit()
    old, new = firm.folder, firm.folder.with_name("whole")
    old.rename(new)
    firm.folder = new
    firm.git("clone", "-q", "--depth", "1", f"file://{new}", str(old))
    firm.folder = old


def _part_of_staging(firm: Firm) -> None:
    firm.write(
        "schema/all.yml",
        firm.folder.joinpath("schema/all.yml").read_text().replace("due: date", "due: date\n      few: int")
        + "  tags: [rest]\n",
    )
    firm.commit()
    firm.run("staging", skip_tags=("rest",))
    firm.pass_time("staging", 25)


def _a_run_that_failed(firm: Firm) -> None:
    firm.sql(
        "staging",
        "INSERT INTO wgm.run (id, playbook, play, environment, command, version, os_user, host, pid, rolls_back, tags, skip_tags) "
        "SELECT max(id) + 1, 'staging.yml', 'Shop, staging', 'staging', 'apply', '0', 'x', 'x', 1, '{}', '{}', '{}' FROM wgm.run",
    )


def _another_order(firm: Firm) -> None:
    lines = "- name: Notes\n  table: {name: notes, columns: {id: {type: int, primary_key: true}}}\n"
    firm.write("schema/all.yml", lines + firm.folder.joinpath("schema/all.yml").read_text())
    firm.write("schema/staging.yml", firm.folder.joinpath("schema/all.yml").read_text().replace(lines, "") + lines)
    firm.write("staging.yml", firm.folder.joinpath("staging.yml").read_text().replace("all.yml", "staging.yml"))
    firm.commit()
    firm.run("staging")
    firm.pass_time("staging", 25)


def _other_variables_on_the_command_line(firm: Firm) -> None:
    firm.run("staging", extra_vars=("ages=8",))
    firm.pass_time("staging", 25)


def _rehearsal_required(firm: Firm) -> None:
    firm.environment("production", ("quiet_alerts", "rehearsal"))


def _a_variable_that_staging_lacks(firm: Firm) -> None:
    firm.environment("production", ("ages: 90", "ages: 90, only_here: kept"))
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text.replace("kept {{ ages }}", "{{ only_here | default('kept') }} {{ ages }}"))
    firm.commit()
    firm.run("staging")
    firm.pass_time("staging", 25)
    firm.write("schema/all.yml", text.replace("kept {{ ages }}", "{{ only_here }} {{ ages }}"))
    firm.commit()


def _a_row_of_the_ledger_edited(firm: Firm) -> None:
    """Staging's last run is made to say that it held what this playbook says."""
    _never_run(firm)
    firm.sql(
        "staging",
        "SET wgm.maintenance = on; UPDATE wgm.revision SET steps = jsonb_set(steps::jsonb, '{0,2}', '\"forged\"') "
        "WHERE run = (SELECT max(run) FROM wgm.revision)",
    )


def _an_old_ledger_restored(firm: Firm) -> None:
    """The ledger of staging comes back from a backup of before its last run; its tables do not."""
    firm.sql(
        "staging",
        "SET wgm.maintenance = on; SET session_replication_role = replica; "
        "DELETE FROM wgm.run_end WHERE run = 2; DELETE FROM wgm.revision WHERE run = 2; DELETE FROM wgm.run WHERE id = 2",
    )


def _requires(firm: Firm, what: str, backup: str = "") -> None:
    firm.environment("production", ("undrifted]", f"undrifted, {what}]"))
    for name in firm.urls:
        text = firm.folder.joinpath(f"{name}.yml").read_text()
        firm.write(f"{name}.yml", text.replace("  steps:", f"{backup}  steps:", 1))
    firm.commit()
    firm.run("staging", record=True)


def _evidence(firm: Firm, kind: str, content: str, age: str) -> None:
    firm.sql(
        "production",
        "INSERT INTO wgm.evidence (at, kind, environment, play, passed, content) VALUES "
        f"(now() - interval '{age}', '{kind}', 'production', 'Shop, production', true, '{content}')",
    )


def _frozen_by_hand(firm: Firm) -> None:
    firm.command("freeze", "production", {"until": "4h"}, reason="a sale")


def _drilled_long_ago(firm: Firm) -> None:
    _requires(
        firm, "checklist", "  backup: {method: logical, before_changes: young, max_age: 24h, drill: {every: 7d}}\n"
    )
    firm.command("backup", "production")
    _evidence(firm, "drill", '{"findings": [], "backup": "1", "seconds": 1}', "8 days")


def _rehearsed_otherwise(firm: Firm) -> None:
    _requires(firm, "rehearsal")
    _evidence(firm, "rehearsal", '{"catalog_before": "another"}', "1 hour")


def _rehearsed_long_ago(firm: Firm) -> None:
    _requires(firm, "rehearsal")
    said = certificate.identity_of(planfile.read(_saved(firm)))
    _evidence(firm, "rehearsal", json.dumps({**said, "expires": "2020-01-01T00:00:00+00:00"}), "1 hour")


def _saved(firm: Firm) -> Path:
    """Save the plan of production."""
    file = firm.folder / "plan.json"
    firm.run("production", check=True, save_plan=str(file))
    return file


def _plan_edited(firm: Firm) -> dict[str, str]:
    file = _saved(firm)
    file.write_text(file.read_text().replace("due date", "due date DEFAULT now()"))
    return {"plan": str(file)}


def _plan_of_another_commit(firm: Firm) -> dict[str, str]:
    file = _saved(firm)
    _never_run(firm)
    return {"plan": str(file)}


def _plan_of_another_state(firm: Firm) -> dict[str, str]:
    file = _saved(firm)
    _production_drifted(firm)
    return {"plan": str(file)}


def _plan_of_another_environment(firm: Firm) -> dict[str, str]:
    file = _saved(firm)
    file.write_text(file.read_text().replace('"environment": "production"', '"environment": "staging"'))
    return {"plan": str(file)}


REFUSED: dict[str, tuple[Callable[[Firm], object], str]] = {
    "a row of staging's ledger was edited": (
        _a_row_of_the_ledger_edited,
        "ledger that somebody edited: the steps of run 2",
    ),
    "staging's ledger comes out of an old backup": (_an_old_ledger_restored, "'Orders' says something else on staging"),
    "the drill is too old": (_drilled_long_ago, r"the last drill is 8d\S* old, allowed are 7d"),
    "the rehearsal was of something else": (_rehearsed_otherwise, "was of something else"),
    "the rehearsal is too old": (_rehearsed_long_ago, "its certificate expired"),
    "in a freeze": (_frozen_by_hand, "production is frozen: .*a sale"),
    "the plan was edited": (_plan_edited, "is not the one that is made now.*only in the file: .*DEFAULT now"),
    "the plan is of another commit": (_plan_of_another_commit, "changed after the plan was saved"),
    "the plan is of another state": (_plan_of_another_state, "the live catalog moved on"),
    "the plan is of another environment": (
        _plan_of_another_environment,
        "the plan is for 'Shop, production' on 'staging'",
    ),
    "rolled back on staging": (_staging_rolled_back, "'Orders' says something else on staging"),
    "never run on staging": (_never_run, "'Orders' says something else on staging than this playbook"),
    "a file changed, if only by a comment": (_a_comment_only, "changed since .*, which staging ran: schema/all.yml"),
    "edited here": (_edited, "edited since the last commit: schema/all.yml"),
    "edited on staging": (_edited_on_staging, "run 3 on staging was made of edited files: schema/all.yml"),
    "the soak is not over": (_soak_not_over, r"stood on staging for 23h\S* of 1d: wait "),
    "the clock turned back": (_clock_turned_back, "the clock of staging is behind its ledger"),
    "the soak counts anew after a rollback": (_applied_again_after_a_rollback, r"stood on staging for \S+ of 1d"),
    "the soak of what a rollback came back to": (
        _rollback_after_the_soak_of_what_came_before,
        r"stood on staging for \S+ of 1d",
    ),
    "an alert in the soak": (_alert_in_the_soak, "staging was not quiet: TooSlow"),
    "nobody looked at the alerts": (_nobody_looked, "nobody looked for 2d"),
    "production drifted": (_production_drifted, "production has drifted: column orders.by_hand was added"),
    "staging is this very database": (_another_database, "staging is this very database"),
    "the database of another environment": (_marked_otherwise, "is the database of 'staging', not of 'elsewhere'"),
    "staging does not answer": (_not_there, "staging cannot be asked"),
    "staging's URL is not known": (_no_secret, "NO_SUCH_URL is not set.*--evidence FILE"),
    "no repository": (
        _no_repository,
        "which revision this is, is not known: there is no git repository here: give --revision",
    ),
    "a shallow clone": (_shallow_clone, "is not in this clone: git fetch --unshallow"),
    "a part of the play on staging": (_part_of_staging, "'Ages' was left out of the last run on staging"),
    "a run on staging that did not end": (_a_run_that_failed, "has a last run, 3, that is in progress, or was killed"),
    "in another order on staging": (_another_order, "stands in another order on staging"),
    "other variables on staging": (_other_variables_on_the_command_line, "'Ages' says something else on staging"),
    "a variable that staging lacks": (
        _a_variable_that_staging_lacks,
        "staging cannot be compared: .*schema/all.yml:9:.*only_here",
    ),
    "no rehearsal": (_rehearsal_required, "rehears.*: wgm-play rehearse"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_missing_or_forged_is_refused_with_its_reason(
    firm: Firm, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    prepare, reason = REFUSED[case]
    options = prepare(firm)
    before = columns(firm, "production")
    with pytest.raises(Refused) as caught:
        firm.run("production", **(options if isinstance(options, dict) else {}))
    said = "\n".join([caught.value.message, *caught.value.details])
    assert re.search(reason, said, re.DOTALL), said
    assert columns(firm, "production") == before


def test_check_tells_what_is_missing_and_what_lifts_it(firm: Firm) -> None:
    _soak_not_over(firm)
    _production_drifted(firm)
    heard = Heard()
    with pytest.raises(Refused, match="2 of what production asks for are missing"):
        pipeline.promote(Options(str(firm.folder / "production.yml"), check=True), heard)
    missing = [row for row in heard.rows if row[0] == "missing"]
    assert [row[1] for row in missing] == ["soak", "undrifted"]
    assert missing[0][3].startswith("wait ") and missing[0][4] == "nobody sooner"
    assert ("named", "steps", "'Ages' has other values here than on staging", "", "") in heard.rows


def _index(firm: Firm) -> None:
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text + "- {name: Notes, index: {name: by_note, table: orders, columns: [note]}}\n")
    firm.commit()
    firm.run("staging")
    firm.pass_time("staging", 25)


def test_the_form_of_each_change_on_staging_is_shown_beside_the_one_here_and_refuses_nothing(firm: Firm) -> None:
    _index(firm)
    heard = firm.command("promote", "production", check=True)
    assert ("index by_note", "build index by_note concurrently", "create index by_note") in heard.rows
    assert ("column orders.due", "the same", "add column orders.due") in heard.rows
    (said,) = [row for row in heard.rows if row[0] == "named" and "another form" in row[2]]
    assert said[2] == (
        "index by_note is changed in another form than on staging: here create index by_note; "
        "there build index by_note concurrently"
    )
    firm.environment("production", ("online: auto", "online: always"))
    assert any("by_note" in row[0] and row[1] == "the same" for row in firm.command("promote", "production").rows)


def test_a_change_that_took_several_runs_there_has_the_same_form(firm: Firm) -> None:
    text = firm.folder.joinpath("schema/all.yml").read_text()
    for default in ("1", "2"):
        firm.write(
            "schema/all.yml", text.replace("due: date", f"due: date\n      few: {{type: int, default: {default}}}")
        )
        firm.commit()
        firm.run("staging")
    firm.pass_time("staging", 25)
    assert not [row for row in firm.command("promote", "production", check=True).rows if "another form" in str(row)]


def _held(firm: Firm) -> None:
    firm.run("production")
    firm.command("rollback", "production", reason="slow")


FORETOLD: dict[str, tuple[Callable[[Firm], None], list[str]]] = {
    "nothing": (lambda firm: None, []),
    "soak": (_soak_not_over, ["it has stood on staging for 23h.*: wait "]),
    "freeze before the rest": (
        lambda firm: (_soak_not_over(firm), _frozen_by_hand(firm))[0],
        ["production is frozen: .*a sale.*--lift", "it has stood on staging"],
    ),
    "what is held": (
        _held,
        ["run 2 was taken back by run 3 of postgres: it is held: change the playbook, or .*--release"],
    ),
    "approvals": (
        lambda firm: firm.environment("production", ("soak: 24h", "soak: 24h, approvals: 2, approvers: [ben]")),
        [r"2 approvals are needed, and only a saved plan can have any: .*--save-plan plan.json.*\(ben\)"],
    ),
}


@pytest.mark.parametrize("case", FORETOLD)
def test_a_run_that_is_only_looked_at_tells_what_would_refuse_it(firm: Firm, case: str) -> None:
    prepare, reasons = FORETOLD[case]
    prepare(firm)
    told = [one for one in firm.run("production", check=True).said if one.startswith("a run would be refused now")]
    assert len(told) == bool(reasons), told
    at = [re.search(reason, told[0]) for reason in reasons]
    assert all(at), told
    assert [one.start() for one in at if one] == sorted(one.start() for one in at if one)


def test_a_hotfix_past_it_is_recorded_with_what_was_missing(firm: Firm) -> None:
    _never_run(firm)
    firm.run("production", override_promotion="the shop is down")
    kind, reason, details, role = firm.sql(
        "production", "SELECT kind, reason, details, role FROM wgm.decision ORDER BY id DESC"
    )[0]
    assert (kind, reason, role) == ("override promotion", "the shop is down", "postgres")
    assert any("'Orders' says something else" in one for one in details)


def test_a_run_of_staging_past_its_own_promotion_is_named(firm: Firm) -> None:
    last = "SELECT max(id) FROM wgm.run"
    firm.sql(
        "staging",
        "INSERT INTO wgm.decision (kind, run, reason, details, os_user) "
        f"VALUES ('override promotion', ({last}), 'no time', '{{}}', 'x')",
    )
    assert "promotion: staging: run 2 went past its promotion there: no time (postgres)" in firm.run("production").said


def test_a_run_with_nothing_to_do_is_evidence_where_it_says_something_new(firm: Firm) -> None:
    _a_comment_only(firm)
    head = firm.git("rev-parse", "HEAD")
    assert any(f"staging holds {head[:12]}" in one for one in firm.run("staging").said)
    for _ in range(2):
        assert not any("recorded" in one for one in firm.run("staging", record=True).said)
    assert len(firm.sql("staging", "SELECT id FROM wgm.run")) == 3
    # It has stood since the run that made it, and rollback goes back before that one.
    firm.run("production")
    assert columns(firm, "production") == ["id", "note", "due"]
    firm.command("rollback", "staging")
    assert columns(firm, "staging")[:3] != ["id", "note", "due"]


def test_a_change_of_the_playbook_that_staging_does_not_run_is_promoted_once_staging_ran_that_commit(
    firm: Firm,
) -> None:
    firm.write("production.yml", firm.folder.joinpath("production.yml").read_text() + "  renames: none\n")
    firm.commit()
    with pytest.raises(Refused, match=r"changed since \w+, which staging ran: production.yml"):
        firm.run("production")
    assert any("recorded" in one for one in firm.run("staging", record=True).said)
    firm.run("production")  # the soak is that of the steps


def test_where_no_file_of_the_playbook_changed_a_later_commit_is_the_same(firm: Firm) -> None:
    firm.write("README.md", "more")
    firm.commit()
    firm.run("production")


def test_without_a_repository_the_revision_is_given_and_must_be_the_same(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = firm.git("rev-parse", "HEAD")
    _no_repository(firm)
    with pytest.raises(Refused, match="without a git repository nobody can tell"):
        firm.run("production", revision="c0ffee" * 6)
    monkeypatch.setenv("CI_COMMIT_SHA", head)
    firm.run("production")
    assert firm.sql("production", "SELECT commit, source FROM wgm.revision ORDER BY run DESC LIMIT 1") == [
        (head, "CI_COMMIT_SHA")
    ]


def test_a_revision_that_is_not_that_of_the_repository_is_an_error(firm: Firm) -> None:
    with pytest.raises(InputError, match="the files are those of"):
        firm.run("production", revision="c0ffee" * 6)


def test_a_run_that_has_begun_is_finished_whatever_happened_to_the_evidence(firm: Firm) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "converged", lambda *_: (_ for _ in ()).throw(StepFailed("cut short")))
        with pytest.raises(StepFailed):
            firm.run("production")
    firm.sql("production", "ALTER TABLE orders DROP COLUMN due")
    _staging_rolled_back(firm)
    firm.run("production")
    assert columns(firm, "production")[-1] == "due"
    # What is new is not the resumption of what has begun.
    firm.sql(
        "production",
        "SET wgm.maintenance = on; DELETE FROM wgm.run_end WHERE run = 3; ALTER TABLE orders DROP COLUMN due",
    )
    _never_run(firm)
    with pytest.raises(Refused, match="changed since"):
        firm.run("production")


def test_what_was_rolled_back_is_held_until_it_changes_or_is_released(firm: Firm) -> None:
    firm.run("production")
    _staging_rolled_back(firm)
    firm.command("rollback", "production", reason="the shop was slow")
    firm.run("staging")
    firm.pass_time("staging", 25)
    with pytest.raises(Refused, match=r"run 2, by the rollback 3 of postgres .*: the shop was slow"):
        firm.run("production", override_promotion="it must")
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text + "# only a comment\n")
    with pytest.raises(Refused, match="is held"):
        firm.run("production", override_promotion="it must")
    firm.write("schema/all.yml", text)
    with pytest.raises(InputError, match="needs a reason"):
        firm.command("promote", "production", {"release": True})
    firm.command("promote", "production", {"release": True}, reason="it was the disk")
    firm.run("production")
    assert columns(firm, "production")[-1] == "due"
    firm.command("rollback", "production")
    with pytest.raises(Refused, match="is held"):
        firm.run("production")
    firm.write("schema/all.yml", text.replace("due: date", "due: timestamptz"))
    firm.run("production", override_promotion="another state")


def test_a_rollback_needs_no_promotion_and_development_may_apply_again(firm: Firm) -> None:
    firm.command("rollback", "staging")
    firm.run("staging")
    assert columns(firm, "staging")[-1] == "due"


def test_secrets_are_in_no_digest_and_staging_may_have_another(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write("schema/all.yml", text.replace("note: text", "note: {type: text, default: \"'{{ env.TOKEN }}'\"}"))
    firm.commit()
    monkeypatch.setenv("TOKEN", "orders")  # a word that stands elsewhere too
    firm.run("staging")
    firm.pass_time("staging", 25)
    monkeypatch.setenv("TOKEN", "another-one")
    heard = firm.run("production")
    assert not any("'Orders' has other values" in one for one in heard.said)
    kept = firm.sql("production", "SELECT steps::text FROM wgm.revision")
    assert "another-one" not in str(kept)


def test_nobody_changes_what_is_frozen_until_it_is_lifted(firm: Firm) -> None:
    firm.command("freeze", "production", {"until": "4h"}, reason="a sale")
    with pytest.raises(Refused, match=r"production is frozen: postgres \(\w+\) froze it .*: a sale, until"):
        firm.run("production")
    with pytest.raises(Refused, match="is frozen"):
        firm.command("rollback", "production")
    assert any("is frozen" in one for one in firm.command("status", "production").said)
    firm.command("rollback", "production", override_freeze="orders are lost")
    assert firm.sql("production", "SELECT kind, reason FROM wgm.decision ORDER BY id DESC LIMIT 1") == [
        ("override freeze", "orders are lost")
    ]
    firm.command("freeze", "production", {"lift": True})
    firm.run("production")
    firm.command("freeze", "production", {"until": "1h"}, reason="another")
    firm.pass_time("production", 2)
    firm.sql(
        "production",
        "SET wgm.maintenance = on; ALTER TABLE wgm.decision DISABLE TRIGGER stamped; "
        "UPDATE wgm.decision SET until = until - interval '2 h'; ALTER TABLE wgm.decision ENABLE ALWAYS TRIGGER stamped",
    )
    firm.command("rollback", "production")
    with pytest.raises(InputError, match="is over"):
        firm.command("freeze", "production", {"until": "2020-01-01"}, reason="late")


def test_a_window_of_the_environment_freezes_it_by_the_servers_clock(firm: Firm) -> None:
    firm.environment("production", more="freeze: [{deny: FREQ=DAILY, for: 48h, reason: always}]\n")
    with pytest.raises(Refused, match="production is frozen: always, until"):
        firm.run("production")
    firm.environment("production", more="freeze: [{allow: FREQ=DAILY, for: 48h}]\n")
    firm.run("production")


def test_a_freeze_that_begins_during_a_run_stops_it_between_two_steps(firm: Firm) -> None:
    order = "INSERT INTO wgm.decision (kind, reason, details, os_user) VALUES (''freeze'', ''now'', ''{}'', ''x'')"
    order = f"DO $do$ BEGIN EXECUTE '{order}'; END $do$"  # what it names is not in a scratch database
    firm.write(
        "schema/all.yml",
        "- {name: One, table: {name: one, columns: {a: int}}}\n"
        f'- {{name: Two, sql: {{up: "{order}", irreversible: true}}}}\n'
        "- {name: Three, table: {name: three, columns: {a: int}}}\n",
    )
    firm.environment("staging", more="freeze: [{until: 2020-01-01}]\n")
    with pytest.raises(StepFailed, match=r"a freeze began: .*: now, until it is lifted"):
        firm.run("staging")
    there = "SELECT relname FROM pg_class WHERE relname IN ('one', 'three')"
    assert firm.sql("staging", there) == [("one",)]
    with pytest.raises(Refused, match="is frozen"):
        firm.run("staging")
    firm.run("staging", override_freeze="it has to end")
    assert len(firm.sql("staging", there)) == 2


def test_a_step_that_waits_for_its_flag_is_named_and_one_that_waits_on_staging_alone_is_refused(firm: Firm) -> None:
    flags = (
        "  flags: [{name: moved, query: \"select current_setting('application.moved', true) = 'yes' as \\\"on\\\"\"}]\n"
    )
    for name in firm.urls:
        firm.write(f"{name}.yml", firm.folder.joinpath(f"{name}.yml").read_text() + flags)
    text = firm.folder.joinpath("schema/all.yml").read_text()
    firm.write(
        "schema/all.yml",
        text + "- name: Contract\n  after_flag: moved\n  table: {name: orders, columns: {note: {state: absent}}}\n",
    )
    firm.commit()
    firm.run("staging")
    firm.pass_time("staging", 25)
    with pytest.raises(Refused, match="'Contract' waits for its flag on staging, and not here"):
        firm.sql(
            "production", f'ALTER DATABASE "{firm.urls["production"].rpartition("/")[2]}" SET application.moved = yes'
        )
        firm.run("production")
    firm.sql("production", f'ALTER DATABASE "{firm.urls["production"].rpartition("/")[2]}" RESET application.moved')
    assert "promotion: 'Contract' waits for its flag here" in firm.run("production").said


def matrix(firm: Firm, **options: object) -> Heard:
    heard, names = Heard(), ["staging", "production"]
    chosen = [Options(str(firm.folder / f"{name}.yml"), **options) for name in reversed(names)]  # type: ignore[arg-type]
    assert pipeline.matrix(chosen, heard, given=True) == 0
    assert [one["environment"] for one in heard.parts["matrix"]] == names
    return heard


def test_the_matrix_shows_which_revision_stands_where_and_how_each_step_does(firm: Firm) -> None:
    head, before = firm.git("rev-parse", "HEAD"), firm.git("rev-parse", "HEAD~1")
    firm.command("freeze", "production", reason="a sale")
    heard = matrix(firm)
    staging, production = heard.parts["matrix"]
    assert (staging["revision"], staging["compared"], staging["frozen"]) == (head, "the same", None)
    assert (production["revision"], production["compared"]) == (before, "1 file changed since")
    assert "a sale" in production["frozen"] and production["from"] == "staging"
    assert heard.rows[2:] == [("Orders", "held", "another text"), ("Ages", "held", "held")]
    _never_run(firm)
    _edited(firm)
    firm.write(
        "schema/all.yml",
        firm.folder.joinpath("schema/all.yml").read_text()
        + "- {name: New, table: {name: refunds, columns: {a: int}}}\n",
    )
    staging = matrix(firm).parts["matrix"][0]
    assert staging["compared"] == "1 file changed since; edited here: schema/all.yml"
    assert [one["state"] for one in staging["steps"]] == ["another text", "held", "not yet"]


def _all_taken_back(firm: Firm) -> None:
    for _ in range(2):
        firm.command("rollback", "staging")


CANNOT: dict[str, tuple[Callable[[Firm], None], str]] = {
    "it does not answer": (_not_there, "cannot be asked: cannot connect"),
    "its URL is not known": (_no_secret, "cannot be asked: not set: NO_SUCH_URL"),
    "it is another's": (_marked_otherwise, "is the database of 'staging', not of 'elsewhere'"),
    "a run did not end": (_a_run_that_failed, "has a last run, 3, that is in progress, or was killed"),
    "what stood was taken back": (_all_taken_back, "the last one was rolled back"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_an_environment_of_which_nothing_can_be_told_is_said_and_the_others_are_shown(firm: Firm, case: str) -> None:
    prepare, why = CANNOT[case]
    prepare(firm)
    staging, production = matrix(firm).parts["matrix"]
    assert why in staging["unknown"] and {one["state"] for one in staging["steps"]} == {"unknown"}
    assert production["unknown"] is None and production["run"] == 1


def test_the_checklist_has_seven_points_with_evidence_or_what_is_missing(firm: Firm) -> None:
    heard = Heard()
    with pytest.raises(Found, match="3 of 7 points are missing"):
        pipeline.checklist(Options(str(firm.folder / "production.yml")), heard)
    assert [row[0] for row in heard.rows] == ["holds", "holds", "missing", "missing", "holds", "missing", "holds"]
    assert all(row[2] and (row[3] or row[0] == "holds") for row in heard.rows)
    firm.write(
        "schema/all.yml",
        firm.folder.joinpath("schema/all.yml").read_text()
        + "- {name: New, table: {name: refunds, columns: {a: int}}}\n",
    )
    heard = Heard()
    with pytest.raises(Found, match="5 of 7 points are missing"):
        pipeline.checklist(Options(str(firm.folder / "production.yml")), heard)
    assert heard.rows[4][2] == "no alert looks at public.refunds"
    looked = firm.command("check", "production")
    assert [row[0] for row in looked.rows if row[0] in ("holds", "missing")] == [row[0] for row in heard.rows]
    firm.environment("production", ("quiet_alerts", "checklist"))
    with pytest.raises(Refused) as caught:
        firm.run("production")
    assert any("backups confirmed and tested: the play has no backup policy" in one for one in caught.value.details)


def pinned(firm: Firm, pin: str) -> None:
    """Let production pin its step file."""
    text = firm.folder.joinpath("production.yml").read_text()
    firm.write(
        "production.yml",
        text.replace("- import_steps: schema/all.yml", f"- import_steps: schema/all.yml\n      pin: {pin}"),
    )
    firm.commit()
    firm.run("staging", record=True)


@pytest.mark.parametrize("pin", ["none", "'0123456789ab'", "{production: none, staging: none}"])
def test_a_pin_holds_a_step_file_until_it_is_moved_to_what_staging_holds(firm: Firm, pin: str) -> None:
    pinned(firm, pin)
    for more in ({}, {"check": True}):
        with pytest.raises(
            Refused, match=r"schema/all.yml is not what production pins: \w+, and it is \w{32}; nothing"
        ):
            firm.run("production", **more)
    before = firm.folder.joinpath("production.yml").read_text()
    assert any(
        "nothing was written" in one for one in firm.command("promote", "production", pins=True, check=True).said
    )
    assert firm.folder.joinpath("production.yml").read_text() == before
    said = firm.command("promote", "production", pins=True).said
    digest = hashlib.sha256(firm.folder.joinpath("schema/all.yml").read_bytes()).hexdigest()[:32]
    assert (
        any(one.endswith(f"-> {digest}") for one in said)
        and f'"{digest}"' in firm.folder.joinpath("production.yml").read_text()
    )
    firm.commit()
    firm.run("staging", record=True)
    firm.run("production")
    assert columns(firm, "production")[-1] == "due"


def test_a_pin_and_the_steps_are_the_same_where_lines_end_with_cr_lf(firm: Firm) -> None:
    file = firm.folder / "schema" / "all.yml"
    pinned(firm, f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"')
    firm.git("config", "core.autocrlf", "true")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    firm.run("production")
    assert columns(firm, "production")[-1] == "due"


def test_a_plan_that_is_saved_again_is_the_same_file_and_keeps_its_approvals(firm: Firm, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.json", "two.json")]
    for file in files:
        firm.run("production", check=True, save_plan=str(file))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_pin_is_not_moved_to_what_staging_never_ran(firm: Firm) -> None:
    pinned(firm, "none")
    _never_run(firm)
    with pytest.raises(Refused, match="staging does not hold what the pins would be moved to: changed since"):
        firm.command("promote", "production", pins=True)
    assert "pin: none" in firm.folder.joinpath("production.yml").read_text()
    firm.write("production.yml", firm.folder.joinpath("production.yml").read_text().replace("none", "abc"))
    with pytest.raises(InputError, match="'abc' is no digest of a file"):
        firm.run("production")
