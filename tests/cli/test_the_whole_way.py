"""The whole way of a change, as people type it: developed, reviewed, tried on staging, rehearsed, soaked, approved, run in production.

In: a git repository made by `init`, three databases. Time passes by moving the ledger's timestamps as superuser.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_command import Command

from fix_postgres import Postgres

sys.path.append(str(Path(__file__).parents[1] / "database"))
from promoting import Firm

NAMES = ("development", "staging", "production")
BACKUP = "\n  backup: {method: logical, before_changes: young, max_age: 24h, drill: {every: 7d}}\n"
ALERTS = """
  alerts:
    - {name: TooManyUsers, query: select count(*) as value from users where id > 0, threshold: "> 1000000"}
    - {name: TooManyTasks, query: select count(*) as value from tasks, threshold: "> 1000000"}
  queries:
    - {name: open tasks, sql: "select id, title from tasks where status <> 'done'"}
"""


@pytest.fixture
def shop(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firm]:
    """A project as `init` makes it, in git, with a staging environment made as its comment says, and promotion switched on."""
    assert Command(tmp_path)("init", "shop").returncode == 0
    databases = {name: server.create_database() for name in NAMES}
    firm = Firm(tmp_path / "shop", {name: server.url(one) for name, one in databases.items()})
    for name, url in firm.urls.items():
        monkeypatch.setenv(f"{name.upper()}_URL", url)
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    environments, playbooks = firm.folder / "environments", firm.folder / "playbooks"
    production, play = (environments / "production.yml").read_text(), (playbooks / "production.yml").read_text()
    switched = re.sub(r"(?m)^# (?=promotion:)", "", production)
    assert switched != production, "the file says how promotion is switched on"
    for name in ("staging", "production"):
        text = switched.replace("DATABASE_URL", f"{name.upper()}_URL")
        if name == "staging":
            text = re.sub(r"promotion: .*", "promotion: {from: development, require: []}", text).replace(
                "online: auto", "online: always"
            )
        firm.write(f"environments/{name}.yml", text)
        firm.write(f"playbooks/{name}.yml", play.replace("production", name))
    firm.write(
        "environments/development.yml",
        'url: "{{ env.DEVELOPMENT_URL }}"\npolicy: {online: never, allow_destructive: true}\n',
    )
    firm.git("init", "-q", "-b", "main")
    firm.commit()
    with server.connect() as admin:
        admin.execute("CREATE ROLE way_ben LOGIN PASSWORD 'of-ben'")
    yield firm
    for one in databases.values():
        server.drop_database(one)
    with server.connect() as admin:
        admin.execute("DROP ROLE way_ben")


class Typed:
    """Types commands in the project; the exit code is expected, what was said returned."""

    def __init__(self, firm: Firm) -> None:
        self.command = Command(firm.folder)

    def __call__(self, line: str, code: int = 0) -> str:
        done = self.command(*line.split())
        said = done.stdout + done.stderr
        assert done.returncode == code and "Traceback" not in said, f"wgm-play {line}: {done.returncode}\n{said}"
        return said


def test_a_change_goes_from_a_branch_to_production(shop: Firm) -> None:
    wgm = Typed(shop)
    # What is there at first.
    wgm("development.yml")
    assert "is missing" not in wgm("promote staging.yml")
    assert "it has stood on staging for" in wgm("promote production.yml --check", 11)
    shop.pass_time("staging", 25)
    wgm("promote production.yml")
    # A branch, its review.
    shop.git("checkout", "-qb", "notes")
    tables = shop.folder / "playbooks" / "schema" / "001_tables.yml"
    tables.write_text(tables.read_text().replace("      due:     date", "      notes:   text\n      due:     date"))
    for name in ("staging", "production"):
        playbook = shop.folder / "playbooks" / f"{name}.yml"
        playbook.write_text(playbook.read_text().rstrip("\n") + (BACKUP if name == "production" else "\n") + ALERTS)
    environment = shop.folder / "environments" / "production.yml"
    environment.write_text(
        environment.read_text().replace(
            "require: [quiet_alerts, undrifted]",
            "require: [rehearsal, quiet_alerts, undrifted, checklist], approvals: 1, approvers: [way_ben]",
        )
    )
    shop.commit()
    assert "add column tasks.notes" in wgm("diff playbooks/production.yml --against main --format markdown")
    shop.git("checkout", "-q", "main")
    shop.git("merge", "-q", "--no-ff", "-m", "Notes of tasks", "notes")
    # Development, staging, and all that is missing for production.
    wgm("development.yml")
    wgm("promote staging.yml")
    wgm("promote production.yml --prepare")
    said = wgm("production.yml --check")
    assert "a run would be refused now, for " in said and "(nobody sooner)" in said
    # What has to be done, as it is told.
    for _ in range(5):
        wgm("check staging.yml --record --fail-on error")
        shop.pass_time("staging", 6)
    wgm("backup production.yml")
    wgm("drill production.yml")
    wgm("rehearse production.yml")
    wgm("check production.yml --fail-on error")
    # Somebody changes production by hand after the rehearsal, and puts it right.
    shop.sql("production", "ALTER TABLE tasks ALTER COLUMN due SET DEFAULT now()")
    said = wgm("promote production.yml --check", 11)
    assert "production has drifted" in said and "was of something else" in said
    shop.sql("production", "ALTER TABLE tasks ALTER COLUMN due DROP DEFAULT")
    wgm("checklist production.yml")
    wgm("production.yml --check --save-plan plan.json")
    assert "0 of 1 approval" in wgm("production.yml --plan plan.json", 11)
    head, _, place = shop.urls["production"].rpartition("@")
    wgm(f"approve plan.json --url {head.partition('://')[0]}://way_ben:of-ben@{place}")
    assert "approved by way_ben" in wgm("promote production.yml --plan plan.json --check")
    wgm("production.yml --plan plan.json")
    # It is done, everywhere, and once.
    assert "changed=0" in wgm("production.yml")
    document, _ = json.JSONDecoder().raw_decode(wgm("status --all --format json"))
    matrix = document["results"][0]["data"]["matrix"]
    assert [(one["environment"], one["from"], one["compared"]) for one in matrix] == [
        ("development", None, "the same"),
        ("staging", "development", "the same"),
        ("production", "staging", "the same"),
    ]
    assert {step["state"] for one in matrix for step in one["steps"]} == {"held"}
