"""Alerts on a real server, and their rules under Prometheus' own checker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from fix_postgres import Postgres
from wgm_play import alerts
from wgm_play.errors import InputError, Position
from wgm_play.playbook.alert_keys import ALERT, IMPORT_ALERTS
from wgm_play.playbook.model import Alert
from wgm_play.secret import Secret

HOSTILE = 'quote " backslash \\ newline \n brace } percent % {{ $value }}'


def alert(query: str, threshold: str = "> 100", **more: Any) -> Alert:
    given: dict[str, Any] = {
        "name": "TimelineStalled",
        "query": query,
        "threshold": threshold,
        "seconds": 600,
        "severity": "warning",
        "summary": "Sessions stand still",
        "position": Position("alerts.yml", 1, 1),
        **more,
    }
    return Alert(**given)


def one(database: psycopg.Connection[Any], query: str, threshold: str = "> 100", **more: Any) -> alerts.AlertState:
    return alerts.evaluate(database, [alert(query, threshold, **more)])[0]


@pytest.mark.every_server
def test_a_value_beyond_the_threshold_fires_and_tells_what_was_not_observed(database: Any) -> None:
    state = one(database, "select count(*) as value from generate_series(1, 101);")
    assert (state.state, state.firing, state.value) == ("firing", True, 101.0)
    assert state.note == "for 10m not observed"
    quiet = one(database, "select 100.0::numeric as value")
    assert (quiet.state, quiet.firing, quiet.value, quiet.note) == ("ok", False, 100.0, "")


def test_each_row_is_a_sample_with_its_other_columns_as_labels(database: Any) -> None:
    query = "select 'a%s' as \"table name\", 'pg_class'::regclass as kind, 99 as value union all select 'b', null, 150"
    state = one(database, query)
    assert state.firing
    assert [(dict(sample.labels), sample.value, sample.firing) for sample in state.samples] == [
        ({"table_name": "a%s", "kind": "pg_class"}, 99.0, False),
        ({"table_name": "b", "kind": ""}, 150.0, True),
    ]
    assert state.value == 150.0


NO_VALUE = {
    "select 1 as value where false": "the query returned no row",
    "select max(1) as value from pg_class where false": "the value is NULL",
    "select 1.0 / nullif(count(*), 0) as value from pg_class where false": "the value is NULL",
    "select 'NaN'::float8 as value": "the value is NULL",
    "select 5 as value, 'a' as part union all select null, 'b'": "the value of 1 row is NULL",
}


@pytest.mark.every_server
@pytest.mark.parametrize("query", NO_VALUE)
def test_no_row_and_null_are_unknown_unless_absence_is_well(database: Any, query: str) -> None:
    state = one(database, query)
    assert (state.state, state.firing, state.error) == ("unknown", True, NO_VALUE[query])
    well = one(database, query, absent="ok")
    assert (well.state, well.firing, well.note) == ("ok", False, f"{NO_VALUE[query]}, which is well (absent: ok)")


def test_a_row_that_fires_fires_beside_one_without_a_value(database: Any) -> None:
    assert one(database, "select 500 as value, 'a' as part union all select null, 'b'").state == "firing"


@pytest.fixture
def as_reader(server: Postgres, database: Any, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role that may read the table `orders`, of which row level security shows it nothing."""
    database.execute("create table orders as select n as id from generate_series(1, 200) n")
    database.execute("create view all_orders as select * from orders")
    database.execute("alter table orders enable row level security")
    name, password = server.create_role()
    database.execute(f"grant select on all tables in schema public to {name}")
    with psycopg.connect(server.url(database.info.dbname, name, password), autocommit=True) as connection:
        yield connection
    database.execute(f"drop owned by {name}")
    server.drop_role(name)


def test_an_alert_that_does_not_see_all_rows_is_unknown(database: Any, as_reader: psycopg.Connection[Any]) -> None:
    count = "select count(*) as value from orders"
    assert one(as_reader, count).state == "unknown"
    assert one(database, count).state == "firing"
    database.execute("create policy part on orders using (id < 50)")
    assert "row-level security" in one(as_reader, count).error
    database.execute("create policy every on orders for select using (true)")
    assert one(as_reader, count).state == "firing"
    database.execute("create policy few on orders as restrictive using (id < 50)")
    assert one(as_reader, count).state == "unknown"


def test_an_alert_that_does_not_see_the_sessions_of_others_is_unknown(
    database: Any, as_reader: psycopg.Connection[Any]
) -> None:
    sessions = "select count(*) as value from PG_STAT_ACTIVITY where state = 'active'"
    state = one(as_reader, sessions)
    assert state.state == "unknown" and "GRANT pg_monitor TO" in state.error
    database.execute(f"grant pg_monitor to {as_reader.info.user}")
    assert one(as_reader, sessions).state == "ok"


def test_an_alert_on_a_table_that_the_role_may_not_read_is_unknown(
    database: Any, as_reader: psycopg.Connection[Any]
) -> None:
    database.execute("create table wages as select 1 as id")
    state = one(as_reader, "select count(*) as value from wages")
    assert (state.state, state.error) == ("unknown", "permission denied for table wages")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select gone as value from pg_class", 'column "gone" does not exist'),
        ("select 1 / 0 as value", "division by zero"),
        ("select count(*) from pg_class", "needs one column named value, it has: count"),
        ("select 1 as value, 2 as value", "needs one column named value, it has: value, value"),
        ("select 'many' as value", "of type str, it must be a number"),
        ("select interval '1 day' as value", "extract(epoch from"),
        ("select 1 as value, 'x' as alert", "'alert' is a label that each alert has"),
        ('select 1 as value, 1 as "a b", 1 as "a-b"', "two columns become the label 'a_b'"),
        ("select 1 as value, 'x' as l from generate_series(1, 2)", "two rows have the same labels (l=x)"),
        ("select n as value, n from generate_series(1, 1001) n", "more than 1,000 rows"),
        ("", "syntax error"),
        ("select 1 as value; drop table precious", "cannot insert multiple commands"),
        ("commit; drop table precious", "syntax error"),
        ("drop table precious", "syntax error"),
        ("select wipe() as value", "cannot execute DELETE in a read-only transaction"),
        ("with gone as (delete from precious returning 1) select 1 as value from gone", "DECLARE CURSOR"),
        ("select nextval('numbers') as value", "cannot execute nextval() in a read-only transaction"),
    ],
)
def test_a_query_that_fails_is_a_finding_and_never_writes(database: Any, query: str, message: str) -> None:
    database.execute("create table precious as select 1 as id; create sequence numbers")
    database.execute(
        "create function wipe() returns integer language plpgsql as 'begin delete from precious; return 1; end'"
    )
    state, after = alerts.evaluate(database, [alert(query), alert("select 1 as value")])
    assert (state.state, state.firing) == ("unknown", True)
    assert message in state.error
    assert after.state == "ok"  # one that fails does not spoil the next
    assert database.execute("select count(*) from precious").fetchone() == (1,)


def test_a_query_that_takes_too_long_is_ended(database: Any) -> None:
    state = alerts.evaluate(database, [alert("select 1 as value from pg_sleep(5)")], timeout=0.05)[0]
    assert (state.state, state.error) == ("unknown", "canceling statement due to statement timeout")
    assert database.execute("show statement_timeout").fetchone() == ("0",)


def test_a_lost_connection_is_an_error_of_each_alert(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        kill = alert("select pg_terminate_backend(pg_backend_pid())::int as value")
        states = alerts.evaluate(connection, [kill, alert("select 1 as value")])
    assert [state.state for state in states] == ["unknown", "unknown"]


def test_evaluation_inside_a_read_only_transaction_leaves_it_as_it_was(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.read_only = True
        connection.execute("select 1")
        states = alerts.evaluate(connection, [alert("select 1/0 as value"), alert("select 101 as value")])
        assert [state.state for state in states] == ["unknown", "firing"]
        assert connection.execute("select 2").fetchone() == (2,)


def test_no_log_shows_neither_labels_nor_errors_and_a_secret_is_masked(database: Any) -> None:
    state = one(database, "select 'hidden-player' as player, 101 as value", no_log=True)
    assert state.firing
    assert "hidden-player" not in repr(state)
    assert dict(state.samples[0].labels) == {"row": "1"}
    assert "hidden-player" not in repr(one(database, "select 'hidden-player'::int as value", no_log=True))
    Secret("hunter2-word")
    assert "hunter2-word" not in one(database, "select 'hunter2-word'::int as value").error


def test_a_threshold_that_cannot_be_read_is_bad_input(database: Any) -> None:
    with pytest.raises(InputError, match="cannot be read at character 1"):
        one(database, "select 1 as value", "about 5")


def test_the_schema_is_one() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(ALERT)
    jsonschema.validate({"name": "A", "query": "select 1 as value", "threshold": "> 1", "for": "10m"}, ALERT)
    properties = {**ALERT["properties"], **IMPORT_ALERTS["properties"]}
    assert all(
        fragment.get("description") or "$ref" in fragment for name, fragment in properties.items() if name != "name"
    )


def promtool(*words: str, page: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' checker; skip where it is neither installed nor installable."""
    if shutil.which("promtool") is None:
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", "prometheus"], check=False, capture_output=True
        ) if shutil.which("apt-get") else None
    if shutil.which("promtool") is None:
        pytest.skip("promtool is neither installed nor installable")
    return subprocess.run(["promtool", *words], input=page, capture_output=True, text=True, check=False)


def test_rules_pass_prometheus_own_check(tmp_path: Path) -> None:
    made = alerts.rules(
        [
            alert("select 1 as value", labels={"team": "game"}),
            alert("x", ">= 0.9", name="Second", seconds=0, summary='says "so" \\ and\nmore'),
        ],
        'prod"uction \\ \n',
        "wasteland",
    )
    (tmp_path / "rules.yml").write_text(made)
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rules found" in done.stdout


def test_rules_without_alerts_are_a_file_that_prometheus_takes(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(alerts.rules([], "production", "wasteland"))
    assert promtool("check", "rules", str(tmp_path / "rules.yml")).returncode == 0


def test_metrics_pass_prometheus_own_check_with_hostile_labels(database: Any) -> None:
    query = psycopg.sql.SQL("select {} as label, 101 as value").format(psycopg.sql.Literal(HOSTILE)).as_string(database)
    states = alerts.evaluate(
        database,
        [
            alert(query),
            alert("broken", name="Broken"),
            alert("select 1 as value where false", name="Nothing"),
            alert("select 1 as value where false", name="Well", absent="ok"),
        ],
    )
    page = alerts.metrics(states, "production", "wasteland", 1_795_000_000.0)
    done = promtool("check", "metrics", page=page)
    assert done.returncode == 0, done.stdout + done.stderr
    own = 'environment="production",database="wasteland"'
    assert f'wgm_alert_up{{alert="Broken",{own}}} 0\n' in page
    assert f'wgm_alert_up{{alert="Nothing",{own}}} 0\n' in page
    assert f'wgm_alert_up{{alert="Well",{own}}} 1\n' in page
    assert f'wgm_alert_firing{{alert="TimelineStalled",{own}}} 1\n' in page
    assert page.count("# TYPE wgm_alert_value gauge\n") == 1


@pytest.mark.parametrize("case", ["fires", "quiet", "broken", "gone", "stale"])
def test_rules_fire_when_they_should(tmp_path: Path, case: str) -> None:
    """Prometheus evaluates the rules over series as our metrics page gives them."""
    (tmp_path / "rules.yml").write_text(alerts.rules([alert("x", seconds=120)], "production", "wasteland"))
    own = '{alert="TimelineStalled",environment="production",database="wasteland"}'
    row = '{player="a",alert="TimelineStalled",environment="production",database="wasteland"}'
    series = [
        {"series": f"wgm_alert_value{row}", "values": "150x30" if case == "fires" else "100x30"},
        {"series": f"wgm_alert_up{own}", "values": "0x30" if case == "broken" else "1x30"},
        {
            "series": f"wgm_alert_evaluated_timestamp_seconds{own}",
            "values": "0x30" if case == "stale" else "0+60x30",
        },
    ]
    labels = {"severity": "warning", "environment": "production", "database": "wasteland"}
    fired = {
        "alertname": "TimelineStalled",
        "exp_alerts": [
            {
                "exp_labels": {**labels, "player": "a", "alert": "TimelineStalled"},
                "exp_annotations": {"summary": "Sessions stand still", "description": "value 150, threshold > 100"},
            }
        ]
        if case == "fires"
        else [],
    }
    twin = {
        "alertname": "TimelineStalledNotEvaluated",
        "exp_alerts": [
            {
                "exp_labels": {**labels, "alert": "TimelineStalled"},
                "exp_annotations": {
                    "summary": "The alert TimelineStalled is not watched: its query fails, returns no value, or is not evaluated"
                },
            }
        ]
        if case in ("broken", "gone", "stale")
        else [],
    }
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [] if case == "gone" else series,
                "alert_rule_test": [{"eval_time": "25m", **expected} for expected in (fired, twin)],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


# Of the value and of `wgm_alert_up` each minute one sample; then whether the alert fires, and its twin.
FLAPPING = " ".join(["{0} stale"] * 15)
SCRAPES = {
    "every second one is lost": ("wgm-play", FLAPPING.format(150), FLAPPING.format(1), True, False),
    "every second one of another exporter": ("sql_exporter", FLAPPING.format(150), "", True, False),
    "the query fails each second time": ("wgm-play", FLAPPING.format(150), "1 0 " * 15, True, False),
    "all but the first are lost": ("wgm-play", "150 stale", "1 stale", False, True),
    "all but the first of another exporter": ("sql_exporter", "150 stale", "", False, True),
    "the row is gone": ("wgm-play", "150x24 stale", "1x30", False, False),
    "the query fails, and every second one is lost": ("wgm-play", "150 stale", FLAPPING.format(0), False, True),
}


@pytest.mark.parametrize("scrapes", SCRAPES)
def test_a_lost_scrape_does_not_begin_an_alert_anew(tmp_path: Path, scrapes: str) -> None:
    exporter, value, up, fires, unseen = SCRAPES[scrapes]
    made = alerts.rules([alert("x", seconds=240)], "production", "shop", exporter=exporter)
    (tmp_path / "rules.yml").write_text(made)
    own, target = 'environment="production",database="shop"', 'job="wgm",instance="a:1"'
    ours = f'alert="TimelineStalled",{own},{target}'
    series = {
        f'wgm_alert_value{{player="a",{ours}}}': value,
        f"wgm_alert_up{{{ours}}}": up,
        f"wgm_alert_evaluated_timestamp_seconds{{{ours}}}": "0 stale" if up == "1 stale" else "0+60x30",
        f"wgm_alert_TimelineStalled_value{{{own},{target}}}": value,
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items() if values],
        "promql_expr_test": [
            {"expr": _firing(name), "eval_time": "25m", "exp_samples": [{"labels": "{}", "value": 1}] if yes else []}
            for name, yes in (("TimelineStalled", fires), ("TimelineStalledNotEvaluated", unseen))
        ],
    }
    made_of = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(made_of))
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def _firing(name: str) -> str:
    return f'count(count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}}))'


@pytest.mark.parametrize("exporter", ["wgm-play", "sql_exporter", "justwatch_sql_exporter", "postgres_exporter"])
def test_the_rendered_tests_of_the_rules_pass(tmp_path: Path, exporter: str) -> None:
    """Of each operator, of counters and gauges, with hostile texts."""
    from wgm_play.alerts.rendered import rendered, write_all

    made = [
        alert(
            "select 1 as value",
            f"{operator} {number}",
            name=f"A{at}{over}",
            over=float(over),
            summary=HOSTILE,
            seconds=60 * at,
        )
        for at, (operator, number) in enumerate(
            [(">", 2), (">=", 0.5), ("<", 3), ("<=", 5), ("==", 0), ("!=", 0), (">", -1), ("<", 20_000_000_000)]
        )
        for over in (0, 300, 3600)
        if (operator, number, bool(over)) != (">", -1, True)
    ]
    write_all(rendered(made, 'prod"uction', "shop", 180000, exporter), tmp_path)
    done = promtool("test", "rules", str(tmp_path / "rules_test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
