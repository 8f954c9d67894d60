"""The JSON Schema of one alert of a play's `alerts:`.

In: nothing. Out: `SCHEMA`, which the playbook's schema includes.
"""

from __future__ import annotations

from typing import Any

SEVERITIES = ("info", "warning", "critical")

SCHEMA: dict[str, Any] = {
    "title": "alert",
    "description": "A query whose column `value` must stay on the right side of a threshold.",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "query", "threshold"],
    "properties": {
        "name": {
            "description": "The alert's name, unique in the play: letters, digits and _ (TimelineStalled).",
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
        },
        "query": {
            "description": "One SELECT with a numeric column `value`; its other columns are labels, one row each.",
            "type": "string",
            "minLength": 1,
        },
        "threshold": {
            "description": "When it fires: a comparison and a number (> 100, >= 0.9, < 5, != 0).",
            "type": "string",
            "minLength": 1,
        },
        "absent": {
            "description": "What it means that the query returns no row, or NULL: unknown is a finding, ok is none.",
            "enum": ["unknown", "ok"],
            "default": "unknown",
        },
        "for": {
            "description": "How long the threshold must be crossed before Prometheus fires (10m).",
            "oneOf": [{"type": "string", "pattern": r"\d"}, {"const": 0}],
            "default": "0",
        },
        "severity": {"description": "How urgent it is.", "enum": list(SEVERITIES), "default": "warning"},
        "summary": {"description": "One sentence for whoever is woken up.", "type": "string"},
        "labels": {
            "description": "More labels for routing (team: game).",
            "type": "object",
            "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
        },
        "no_log": {
            "description": "Show neither the query's label columns nor its errors.",
            "type": "boolean",
            "default": False,
        },
    },
}
