"""The alerts' queries for exporters of others: both that are called sql_exporter, and the custom queries of postgres_exporter.

In: alerts, a server version. Out: the text of their configuration. Series are called as `prometheus.rules` says with
the same `exporter`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.prometheus import JUSTWATCH, as_yaml, identity, series_name
from wgm_play.errors import InputError
from wgm_play.sql import ident, literal, reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# Seconds: a query is not asked more often than this, whoever scrapes.
INTERVAL = 60
_SQL_EXPORTER = """\
# For sql_exporter (github.com/burningalchemist/sql_exporter). Say where the database is:
#   sql_exporter -config.file=sql_exporter.yml -config.data-source-name=postgres://USER@HOST:5432/DATABASE
# Its role needs pg_monitor, and SELECT on what the queries of the application read. The rules for its series:
#   wgm-play alerts PLAYBOOK render --exporter sql_exporter --output DIR
"""
_JUSTWATCH = """\
# For the other sql_exporter (github.com/justwatchcom/sql_exporter; Debian: prometheus-sql-exporter). Say where the database is:
#   prometheus-sql-exporter -config.file justwatch_sql_exporter.yml -web.listen-address 127.0.0.1:9237
# Its role needs pg_monitor, and SELECT on what the queries of the application read. The rules for its series:
#   wgm-play alerts PLAYBOOK render --exporter justwatch_sql_exporter --output DIR
"""
# An exporter makes NaN of NULL, which is above and below nothing: no value is to be no series, which the rules' twins tell.
_SEEN = " WHERE told.value IS NOT NULL"
# Labels that it gives itself: `database` is that of its connection.
_ITS_OWN = frozenset(["col", "database", "driver", "host", "sql_job", "user"])
_POSTGRES_EXPORTER = """\
# Custom queries for postgres_exporter, which calls them deprecated but still reads them:
#   prometheus-postgres-exporter --extend.query-path=postgres_exporter.yml
# Its role needs pg_monitor, and SELECT on what the queries of the application read. The rules for its series:
#   wgm-play alerts PLAYBOOK render --exporter postgres_exporter --output DIR
"""


def sql_exporter(alerts: Sequence[Alert], environment: str, database: str, version: int) -> str:
    """Return a configuration with one target and one collector."""
    metrics = []
    for alert, query, columns in _asked(alerts, version):
        metrics.append(
            {
                "metric_name": series_name(alert, "sql_exporter"),
                "type": "counter" if alert.over else "gauge",
                "help": alert.summary or alert.name,
                **({"key_labels": columns} if columns else {}),
                "static_labels": identity(alert, environment, database, "sql_exporter"),
                "values": ["value"],
                "query": f"SELECT told.* FROM ({query}) AS told{_SEEN}",
            }
        )
    return _SQL_EXPORTER + as_yaml(
        {
            "global": {"scrape_timeout": "10s", "min_interval": f"{INTERVAL}s", "max_connections": 1},
            "target": {"data_source_name": "postgres://USER@HOST:5432/DATABASE", "collectors": ["wgm_play"]},
            "collectors": [{"collector_name": "wgm_play", "metrics": metrics}],
        }
    )


def justwatch_sql_exporter(alerts: Sequence[Alert], environment: str, database: str, version: int) -> str:
    """Return a configuration with one job; a label that the exporter gives itself is called so and not taken from a query."""
    queries = []
    for alert, query, columns in _asked(alerts, version):
        own = identity(alert, environment, database, JUSTWATCH)
        told = {name: ident(name) for name in columns}
        told = {f"of_{name}" if name in _ITS_OWN else name: text for name, text in told.items()}
        told |= {name: literal(value) for name, value in own.items() if name not in _ITS_OWN}
        listed = ", ".join(f"{text} AS {ident(name)}" for name, text in told.items())
        queries.append(
            {
                "name": series_name(alert, JUSTWATCH).removeprefix("sql_"),
                "help": alert.summary or alert.name,
                "labels": list(told),
                "values": ["value"],
                "query": f"SELECT value, {listed} FROM ({query}) AS told{_SEEN}",
            }
        )
    job = {
        "name": "wgm_play",
        "interval": f"{INTERVAL}s",
        "connections": ["postgres://USER@HOST:5432/DATABASE"],
        "queries": queries,
    }
    return _JUSTWATCH + as_yaml({"jobs": [job]})


def postgres_exporter(alerts: Sequence[Alert], environment: str, database: str, version: int) -> str:
    """Return custom queries; the labels that tell databases apart are columns of them."""
    made: dict[str, Any] = {}
    for alert, query, columns in _asked(alerts, version):
        own = identity(alert, environment, database, "postgres_exporter")
        told = ", ".join(f"{literal(value)} AS {name}" for name, value in own.items())
        kind = "COUNTER" if alert.over else "GAUGE"
        made[series_name(alert, "postgres_exporter").removesuffix("_value")] = {
            "query": f"SELECT told.*, {told} FROM ({query}) AS told{_SEEN}",
            "cache_seconds": INTERVAL,
            "metrics": [
                {"value": {"usage": kind, "description": alert.summary or alert.name}},
                *({name: {"usage": "LABEL", "description": name}} for name in (*columns, *own)),
            ],
        }
    return _POSTGRES_EXPORTER + as_yaml(made)


def _asked(alerts: Sequence[Alert], version: int) -> Iterator[tuple[Alert, str, list[str]]]:
    """Yield each alert that has a query, with the text for a server version and the columns that are labels."""
    for alert in alerts:
        if alert.source == "query":
            query = " ".join(reveal(alert.query_for(version)).strip().removesuffix(";").split("\n"))
            yield alert, query, [name for name in columns_of(alert, version) if name != "value"]


def columns_of(alert: Alert, version: int) -> list[str]:
    """Return the names of the columns that an alert's query returns, as its text says. Raise `InputError` where it does not."""
    from pglast import ast
    from pglast.parser import ParseError, parse_sql

    try:
        parsed: Any = parse_sql(reveal(alert.query_for(version)))
        found = parsed[0].stmt
    except (ParseError, IndexError) as error:
        raise InputError(f"alert {alert.name!r}: {str(error).partition(', at')[0]}", where=alert.position) from error
    while isinstance(found, ast.SelectStmt) and found.larg is not None:  # UNION
        found = found.larg
    names = [_name_of(target) for target in getattr(found, "targetList", None) or ()]
    if not names or None in names:
        raise InputError(
            f"alert {alert.name!r}: the names of the columns are not in the query, and an exporter needs them",
            where=alert.position,
            hint="name each column instead of *",
        )
    return [name for name in names if name is not None]


def _name_of(target: Any) -> str | None:
    from pglast import ast

    if target.name:
        return str(target.name)
    value: Any = target.val
    while isinstance(value, ast.TypeCast):
        value = value.arg
    parts: Any = ()
    if isinstance(value, ast.ColumnRef):
        parts = value.fields
    elif isinstance(value, ast.FuncCall):
        parts = value.funcname
    return str(parts[-1].sval) if parts and isinstance(parts[-1], ast.String) else None
