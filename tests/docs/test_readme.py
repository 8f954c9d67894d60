"""README.md and the guides tell the truth: their commands are run, their playbooks applied, their tables compared with the program's own.

In: these texts, an embedded server, a server of the tests'. Out: failures that name the line.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from readme import README, ROOT, TEXTS, Block, Console, blocks

from fix_postgres import as_freshly_made
from wgm_play import embedded
from wgm_play.backup import parse_policy
from wgm_play.cli.commands import COMMANDS
from wgm_play.cli.help import EXITS
from wgm_play.environment import Embedded, load_environment
from wgm_play.playbook.expand import load_playbook
from wgm_play.playbook.validate import KEYWORDS


@pytest.fixture
def console() -> Iterator[Console]:
    """A shell in an empty folder that every account can reach; the embedded server of the project there is stopped."""
    with tempfile.TemporaryDirectory(prefix="wgm readme ", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Console(folder)
        for running in embedded.running(Embedded(), folder / "shop"):
            embedded.stop(Embedded(running.version), folder / "shop")


@pytest.mark.parametrize(
    "file", ["README.md", "10-start.md", "46-analyze.md", "47-health.md", "48-stats.md", "55-review.md"]
)
def test_the_first_playbook_goes_as_it_is_told(console: Console, file: str) -> None:
    for block in blocks("console", "diff", file=file):
        console.play(block) if block.language == "console" else console.edit(block)


def test_lint_says_what_its_page_says(console: Console) -> None:
    for block in blocks("console", "sql", file="57-lint.md"):
        if block.words:
            (console.folder / block.words).write_text(block.text)
        elif block.language == "console":
            console.play(block)


@pytest.fixture
def shop(console: Console, database_url: str) -> Console:
    """A new project whose environments are all the database of the test."""
    console.run("wgm-play init shop")
    console.folder /= "shop"
    console.environ["DATABASE_URL"] = database_url
    environments = console.folder / "environments"
    (environments / "development.yml").write_text((environments / "production.yml").read_text())
    return console


def recap(said: str) -> str:
    """Return the first recap line, from its counts on."""
    found = re.search(r"^\w+ : (ok=.*)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def converges(shop: Console, words: str) -> None:
    """Apply a playbook twice: the second run changes nothing."""
    first = shop.run(f"wgm-play {words}")
    assert "failed=0" in recap(first), first
    assert "changed=0" not in recap(first), first
    again = shop.run(f"wgm-play {words}")
    assert "changed=0" in recap(again), again


def yaml_blocks(word: str, file: str | None = None) -> list[Block]:
    return [block for block in blocks("yaml", file=file) if block.words == word]


def test_every_block_of_yaml_is_one_that_is_tried() -> None:
    assert {block.words for block in blocks("yaml")} == {
        "steps",
        "play",
        "environment",
        "github",
        "secrets",
        "drill",
        "physical",
        "promotion",
        "rehearsal",
        "required",
        "delivery",
        "server",
        "watched",
        "scheduled",
        "pooled",
        "pooler",
        "engine",
        "pgbackrest",
        "barman",
        "provider",
        "paused",
    }


def test_the_steps_are_applied_convert_rows_and_are_taken_back(shop: Console, database_url: str) -> None:
    steps = shop.folder / "playbooks" / "schema" / "003_readme.yml"
    playbook = shop.folder / "playbooks" / "readme.yml"
    [handlers] = [block for block in yaml_blocks("play") if "handlers:" in block.text]
    playbook.write_text(handlers.text.replace("  handlers:", "    - import_steps: schema/003_readme.yml\n  handlers:"))
    steps.write_text("- name: As it was\n  table: {name: tasks, columns: {estimate: text}}\n")
    converges(shop, "readme.yml")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into users (email, name) values ('ada@example.org', 'Ada')")
        connection.execute(
            "insert into tasks (user_id, title, estimate, due)"
            " values (1, 'a', '1.5 hours', '2019-01-01'), (1, 'b', null, null)"
        )
        steps.write_text("".join(block.text for block in yaml_blocks("steps")))
        converges(shop, "readme.yml")
        query = "select estimate::text, priority, status from tasks order by title"
        assert connection.execute(query).fetchall() == [("1.5", 2, "done"), (None, 4, "open")]
        assert connection.execute("select name, colour from labels order by name").fetchall() == [
            ("later", "grey"),
            ("urgent", "red"),
        ]
        said = shop.run("wgm-play rollback readme.yml --allow-destructive")
        assert "changed=1" in recap(said), said
        query = "select estimate, status from tasks order by title"
        assert connection.execute(query).fetchall() == [("1.5 hours", "open"), (None, "open")]
        assert connection.execute("select to_regclass('labels')").fetchone() == (None,)


@pytest.mark.parametrize("block", yaml_blocks("play"), ids=lambda block: f"{block.file}-{block.line}")
def test_a_play_is_applied(shop: Console, block: Block) -> None:
    (shop.folder / "playbooks" / "readme.yml").write_text(block.text)
    converges(shop, "readme.yml")


@pytest.mark.parametrize("block", yaml_blocks("environment"), ids=lambda block: f"{block.file}-{block.line}")
def test_an_environment_is_run_in(shop: Console, block: Block) -> None:
    (shop.folder / "environments" / "production.yml").write_text(block.text)
    converges(shop, "production.yml")


@pytest.mark.parametrize("block", yaml_blocks("promotion"), ids=lambda block: f"{block.file}-{block.line}")
def test_what_an_environment_says_of_promotion_is_read(tmp_path: Path, block: Block) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(f"{block.text}\nembedded: true\n")
    assert load_environment("production", tmp_path).promotion is not None


def test_what_an_environment_says_of_its_cluster_is_read(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    [block] = yaml_blocks("server")
    (tmp_path / "environments" / "production.yml").write_text(block.text)
    found = load_environment("production", tmp_path)
    assert found.server is not None
    assert found.server.stop[-1] == "postgresql@15-main"
    assert found.policy.hold_rolled_back


@pytest.mark.parametrize("block", yaml_blocks("engine"), ids=lambda block: f"{block.file}-{block.line}")
def test_an_engine_of_backups_is_read_with_what_its_environment_says(tmp_path: Path, block: Block) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(f"{block.text}\nembedded: true\n")
    said = load_environment("production", tmp_path).backup
    methods = [(one, given) for one, given in said.items() if one not in ("directory", "copy")]
    if not methods:
        assert said
        return
    [(method, given)] = methods
    assert given
    [play] = yaml_blocks(method)
    policy = parse_policy(yaml.safe_load(play.text)[0]["backup"])
    assert policy is not None
    assert (policy.method, policy.before_changes) == (method, "young")


def test_a_step_pauses_the_pool_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    [environment], [step] = yaml_blocks("pooler"), yaml_blocks("paused")
    (tmp_path / "environments" / "production.yml").write_text(environment.text)
    urls = {"DATABASE_URL": "postgresql://server/shop", "PGBOUNCER_URL": "postgresql://pool:6432/pgbouncer"}
    made = load_environment("production", tmp_path, environ=urls)
    assert made.pool is not None and (made.pool.deadline, made.pool.database) == (10.0, None)
    steps = "".join(f"    {line}\n" for line in step.text.splitlines())
    (tmp_path / "book.yml").write_text(f"- name: Shop\n  hosts: production\n  steps:\n{steps}")
    assert load_playbook(tmp_path / "book.yml", made).plays[0].steps[0].pause_pool


def test_what_an_environment_says_of_alerts_is_read(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    [block] = yaml_blocks("delivery")
    (tmp_path / "environments" / "production.yml").write_text(f"{block.text}\nembedded: true\n")
    made = load_environment("production", tmp_path, environ={"PROMETHEUS_RELOAD": "http://prometheus/-/reload"})
    assert set(made.deliver) == {"rules", "dashboard", "reload"}
    assert (made.policy.alerts_refuse, made.policy.watch_above) == ("critical", 10 * 1024**3)


def test_the_commands_about_alerts_do_what_is_told(shop: Console) -> None:
    [play] = yaml_blocks("play", file="45-alerts.md")
    (shop.folder / "playbooks" / "production.yml").write_text(play.text)
    shop.run("wgm-play production.yml")
    said = "".join(shop.run(line) for block in blocks("sh", file="45-alerts.md") for line in block.text.splitlines())
    assert (
        "rules.yml, rules_test.yml, alertmanager.yml, sql_exporter.yml, justwatch_sql_exporter.yml, postgres_exporter.yml, dashboard.json"
        in said
    )
    assert "all that the rules name is there" in said
    assert re.search(r"TooManyOpenTasks: fires .*\n.*InvalidIndex: fires", said), said


def test_a_run_is_watched(shop: Console) -> None:
    [block] = yaml_blocks("watched")
    file = shop.folder / "playbooks" / "production.yml"
    shop.run("wgm-play production.yml")
    more = "schema/001_tables.yml\n    - {name: More, table: {name: more, columns: {id: int}}}"
    file.write_text(block.text.replace("for: 5m", "for: 1s").replace("schema/001_tables.yml", more))
    said = shop.run("wgm-play production.yml")
    assert "watched for 1s: TooManyOpenTasks, SessionsBlocked, 1 invariant" in said and "all stayed well" in said, said


def operation(command: str) -> list[str]:
    """Return the lines of the page about operation that call a command."""
    lines = [line for block in blocks("sh", file="48-operation.md") for line in block.text.splitlines()]
    return [line for line in lines if line.startswith(f"wgm-play {command} ")]


def test_jobs_are_put_on_a_schedule(shop: Console) -> None:
    [block] = yaml_blocks("scheduled")
    (shop.folder / "playbooks" / "production.yml").write_text(block.text)
    shop.run("wgm-play production.yml")
    said = "".join(shop.run(line) for line in operation("schedule"))
    assert "old tasks: done" in said and "cron.schedule_in_database" in said and "Sun 04:00 UTC" in said, said


def test_a_pool_is_written_down(shop: Console) -> None:
    [play], [environment] = yaml_blocks("pooled"), yaml_blocks("pooler")
    (shop.folder / "playbooks" / "production.yml").write_text(play.text)
    (shop.folder / "environments" / "production.yml").write_text(environment.text)
    shop.environ["PGBOUNCER_URL"] = "postgresql://dba@127.0.0.1:1/pgbouncer"
    said = "".join(shop.run(line) for line in operation("pool"))
    assert "pool: pgbouncer.ini, auth_query.sql (" in said, said
    text = (shop.folder / "pool" / "pgbouncer.ini").read_text()
    assert "max_client_conn = 510" in text and "admin_users = dba" in text, text
    assert "[pool_unknown] the pool is not looked at" in "".join(shop.run(line) for line in operation("check"))


def test_the_library_is_told_whole() -> None:
    from wgm_play.playbook.alerts import library

    told = {one.strip("` "): names for one, names in rows("set").items()}
    assert {one: re.findall(r"[A-Z]\w+", names.partition("(")[0]) for one, names in told.items()} == {
        one: list(names) for one, names in library().items()
    }


def test_alerts_and_restore_as_they_are_told(shop: Console) -> None:
    playbook = shop.folder / "playbooks" / "production.yml"
    both = [
        yaml.safe_load(block.text)[0]
        for block in yaml_blocks("play")
        if "backup:" in block.text or "alerts:" in block.text
    ]
    playbook.write_text(yaml.safe_dump([{**both[0], **both[1]}], sort_keys=False))
    said = shop.run("wgm-play production.yml")
    [restore] = re.findall(r"bring it back with: (wgm-play restore .*)", said)
    assert "is back" in shop.run(restore)
    [command] = [block.text for block in blocks("sh") if "--rules" in block.text]
    as_freshly_made(shop.environ["DATABASE_URL"])
    said = shop.run(command)
    assert re.search(r"TooManyOpenTasks +ok +warning +0 +> 100", said), said
    rules = yaml.safe_load((shop.folder / "wgm.rules.yml").read_text())
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert names[-2:] == ["TooManyOpenTasks", "TooManyOpenTasksNotEvaluated"]  # after those of the library
    assert 'wgm_alert_value{alert="TooManyOpenTasks"' in (shop.folder / "wgm.prom").read_text()


def test_a_physical_backup_is_taken_and_without_wal_a_run_is_refused(shop: Console) -> None:
    [block] = yaml_blocks("physical")
    (shop.folder / "playbooks" / "production.yml").write_text(block.text)
    assert "there is no backup of this database" in shop.run("wgm-play production.yml")
    assert "verified by manifest" in shop.run("wgm-play backup production.yml")
    assert "no WAL is received" in shop.run("wgm-play production.yml")
    assert "ExecStart=" in shop.run("wgm-play wal production.yml --systemd")


def test_a_drill_is_asked_for_and_done(shop: Console, database_url: str) -> None:
    [block] = yaml_blocks("drill")
    (shop.folder / "playbooks" / "production.yml").write_text(block.text)
    assert "wgm-play drill production.yml" in shop.run("wgm-play production.yml")
    assert "changed=2" in shop.run("wgm-play production.yml --no-backup")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into users (email, name) values ('ada@example.org', 'Ada')")
    assert "came back in" not in shop.run("wgm-play status production.yml")
    [command] = [word for word in re.findall(r"`(wgm-play [^`]*)`", TEXTS["40-backups.md"]) if "&&" in word]
    said = shop.run(command)
    assert "brought back in" in said and "findings" not in said, said
    assert "all was there" in shop.run("wgm-play status production.yml")


def test_a_rehearsal_is_required_and_done(shop: Console) -> None:
    [play], [environment] = yaml_blocks("rehearsal"), yaml_blocks("required")
    playbook = shop.folder / "playbooks" / "production.yml"
    playbook.write_text(play.text)
    assert "changed=2" in shop.run("wgm-play production.yml")
    (shop.folder / "environments" / "production.yml").write_text(environment.text)
    playbook.write_text(play.text + "    - {name: More, table: {name: more, columns: {id: int}}}\n")
    assert "was never rehearsed" in shop.run("wgm-play production.yml")
    [command] = [block.text for block in blocks("sh", file="42-rehearsals.md")]
    said = shop.run(command)
    assert "certificate:" in said and "findings" not in said, said
    assert "changed=1" in shop.run("wgm-play production.yml")


def test_a_database_is_inspected_and_nothing_is_left_to_do(shop: Console) -> None:
    converges(shop, "production.yml")
    [command, update] = [block.text for block in blocks("sh") if "inspect" in block.text]
    shop.run(command)
    adopted = Console(shop.folder / "adopted", shop.environ)
    said = adopted.run("wgm-play production.yml --check")
    assert "changed=0 unreachable=0 failed=0" in recap(said), said
    assert "nothing to bring in" in adopted.run(update)


def rows(heading: str) -> dict[str, str]:
    """Return the table below a head cell: first column -> second."""
    part = README.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = [line.strip("|").split("|", 1) for line in part.splitlines()[2:]]
    return {left.strip(): right.strip() for left, right in cells}


def test_the_exit_codes_are_those_of_the_help_page() -> None:
    assert {code: told.replace("`", "") for code, told in rows("exit code").items()} == dict(EXITS)


def test_every_command_is_named() -> None:
    told = " ".join(rows("command"))
    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", told)] == []


def test_every_keyword_of_a_step_is_named() -> None:
    told = set(re.findall(r"`(\w+)", " ".join(rows("keyword"))))
    assert sorted(told ^ ({*KEYWORDS, "import_steps"} - {"name"})) == []


def test_every_module_is_on_the_map() -> None:
    told = set(re.findall(r"`([a-z_]+)`", " ".join(rows("module"))))
    package = ROOT / "src" / "wgm_play"
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert sorted(modules - told) == []
    assert sorted(told - modules) == []


def test_programs_and_files_that_are_named_exist() -> None:
    words = set(re.findall(r"\b(?:tests|src|templates|playbooks|environments)/[\w./-]*\w", README))
    assert words
    # What a project of a reader has, and what a new kind or check will have.
    own = {
        "playbooks/schema/001_tables.yml",
        "playbooks/schema/002_indexes.yml",
        "environments/allowed_signers",
        "environments/development.stats.json",
        "environments/production.stats.json",
        "templates/catalog/KIND.sql",
        "templates/health/NAME.sql",
        "templates/KIND",
        "tests/cases/KIND",
    }
    assert sorted(word for word in words - own if not (ROOT / word).exists()) == []


def test_the_codes_of_reviews_are_those_of_the_program() -> None:
    from wgm_play.review.codes import CODES

    part = (ROOT / "src/wgm_play/reference/guide/55-review.md").read_text(encoding="utf-8").split("| code | means |")[1]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", part, re.MULTILINE))
    assert told == CODES


def test_all_that_check_looks_for_is_told() -> None:
    from wgm_play.health import table

    text = TEXTS["47-health.md"]
    assert text[text.index("| finding |") :].strip() == table(), "write what `wgm_play.health.table()` returns"
