"""The JSON Schemas of a play's `alerts:`: an alert, and the import of alerts.

In: nothing. Out: `ALERT` and `IMPORT_ALERTS`, which the playbook's schema includes.
"""

from __future__ import annotations

from typing import Any

from wgm_play.playbook.kinds.base import VARS, WHEN, choice, flag, mapping, ref, text

Schema = dict[str, Any]
DURATION = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)\s*$"
THRESHOLD = r"^\s*(>=|<=|==|!=|>|<)\s*-?\d+(\.\d+)?([eE][-+]?\d+)?\s*$"
SEVERITIES = ("info", "warning", "critical")
# What wgm-play itself knows, so that no query has to.
WATCHED = ("backup", "proof", "failed_run", "running")
# What says where the value comes from: an alert has one of them.
SOURCES = ("query", "promql", "watch")
_STATEMENTS: Schema = {
    "type": "array",
    "items": {
        "oneOf": [
            {"type": "string"},
            mapping(
                {
                    "sql": text("A statement.", minLength=1),
                    "session": text("The session that sends it, if another than the first.", minLength=1),
                    "sessions": {"description": "So many sessions send it, each.", "type": "integer", "minimum": 1},
                    "database": text("The database in which it is sent, if another.", minLength=1),
                    "waits": flag("It waits for a lock: go on meanwhile.", False),
                    "fails": text("The SQLSTATE with which it is to fail.", minLength=5),
                },
                ["sql"],
                "A statement, and how it is sent.",
            ),
        ]
    },
}

_SERIES: Schema = {"type": "object", "additionalProperties": {"type": "number"}}

_WORDING: Schema = {
    "threshold": text(
        "Threshold: an operator and a number, such as `> 100`.",
        pattern=THRESHOLD,
        **{"x-expected": 'an operator and a number, as "> 100"'},
    ),
    "for": text(
        "Duration for which the threshold must be crossed before the alert fires, such as 10m.",
        pattern=DURATION,
        **{"x-expected": "a duration, as 10m"},
    ),
    "severity": choice("Severity label of the alert.", *SEVERITIES, default="warning"),
    "summary": text("Summary annotation: what it means, for the person who is paged."),
    "runbook": text("Runbook annotation: what to look at and what to do, or the URL of a page that says so."),
    "labels": {
        "description": "Further labels of the Prometheus rule.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
}

ALERT = mapping(
    {
        "name": text(
            "The alert's name, as `TimelineStalled`.",
            pattern="^[A-Za-z_][A-Za-z0-9_]*$|\\{\\{",
            **{"x-expected": "letters, digits and _, as TimelineStalled"},
        ),
        "query": text(
            "A query that returns one row with a column `value`; with several rows, the other columns are labels.",
            minLength=1,
        ),
        "query_before": {
            "description": "The query for older servers: `{17: SELECT …}` for those before PostgreSQL 17.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "promql": text(
            "Instead of a query: an expression of Prometheus, for what an exporter has. `check` asks Prometheus"
            " (`deliver.reload` of the environment says where it is).",
            minLength=1,
        ),
        "series": mapping(
            {
                "fires": {"description": "Series and values with which it fires.", **_SERIES},
                "silent": {"description": "Series and values with which it does not.", **_SERIES},
            },
            ["fires", "silent"],
            "Example series for `promql`, for the tests of its rule: `{fires: {'up{job=\"a\"}': 0}, silent: {'up{job=\"a\"}': 1}}`.",
        ),
        "watch": choice(
            "Instead of a query: what wgm-play knows: seconds since the newest usable `backup`, since one was restored"
            " as `proof`, whether the last run failed (`failed_run`), seconds that a run is `running`.",
            *WATCHED,
        ),
        **_WORDING,
        "over": text(
            "The value is a counter: its increase within this time is what the threshold is compared with.",
            pattern=DURATION,
            **{"x-expected": "a duration, as 1h"},
        ),
        "absent": choice(
            "What it means that the query returns no row, or NULL. `unknown`: it cannot see, which is a finding."
            " `no_rows`: no row is well, NULL is not. `ok`: both are well.",
            "unknown",
            "no_rows",
            "ok",
            default="unknown",
        ),
        "drill": mapping(
            {
                "provoke": {
                    "description": "Statements that bring the condition about, sent one after another.",
                    **_STATEMENTS,
                },
                "resolve": {"description": "Statements that end it again.", **_STATEMENTS},
                "threshold": {**_WORDING["threshold"], "description": "The threshold in the drill, if a lower one."},
            },
            ["provoke", "resolve"],
            "Drill: how `wgm-play alerts PLAYBOOK drill NAME` brings the condition about on a scratch server.",
        ),
        "when": WHEN,
        "no_log": flag("Hide the rows of the query.", False),
    },
    ["name", "threshold"],
    "An alert.",
)

IMPORT_ALERTS = mapping(
    {
        "import_alerts": text(
            "A file with a list of alerts, relative to this file; or `library`, the ready ones; or one set or alert of"
            " them: `library/replication`, `library/InvalidIndex`.",
            minLength=1,
        ),
        "only": ref("names", "Only the alerts with these names."),
        "except": ref("names", "Without the alerts with these names."),
        "change": {
            "description": 'What is other than there, by the alert\'s name: `{LongTransaction: {threshold: "> 60"}}`.',
            "type": "object",
            "additionalProperties": mapping(_WORDING, (), "What is changed of an alert."),
        },
        "vars": VARS,
        "when": WHEN,
        "name": {"type": "string"},
    },
    ["import_alerts"],
    "Alerts of another file, or of the library.",
)
