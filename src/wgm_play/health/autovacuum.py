"""Advice on autovacuum: a large table waits for a share of its rows, which is much, and gets a smaller share.

In: rows of `autovacuum_late.sql`. Out: those that are findings, with the step that mends them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from wgm_play.health.model import INFO, Check, Row

# As many dead rows, or changed ones, are too many to wait for; pages of rows that were only inserted wait longer.
DEAD, INSERTED = 1_000_000, 10_000_000
# What comes about this often, of what is waited for, since the server counts, makes it worth a word.
SHARE = 0.1
# The shares that are advised: the largest that waits for no more than half of what is too much.
SHARES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])


def late(rows: list[Row]) -> Iterator[Row]:
    """Yield the tables that wait too long, each with the parameters that end it."""
    for row in rows:
        waits, better = [], {}
        if row["late"]:
            waits.append(f"{row['dead_at']:,.0f} dead rows before it is vacuumed")
            better["autovacuum_vacuum_scale_factor"] = _share(row["rows"], row["dead_at"])
        if row["late_by_inserts"]:
            waits.append(f"{row['inserted_at']:,.0f} new rows before it is vacuumed for them")
            better["autovacuum_vacuum_insert_scale_factor"] = _share(row["rows"], row["inserted_at"])
        if row["late_to_analyze"]:
            waits.append(f"{row['changed_at']:,.0f} changed rows before it is analyzed")
            better["autovacuum_analyze_scale_factor"] = _share(row["rows"], row["changed_at"])
        if better:
            yield {**row, "waits": ", ".join(waits), "number": f"{row['rows']:,.0f}", "step": _step(row, better)}


def _share(rows: float, waited_for: float) -> float:
    """Return the largest share that waits for half as much or less, and for no more than half of what is too much."""
    most = min(waited_for, DEAD) / 2
    return next((one for one in SHARES if one * rows <= most), SHARES[-1])


def _step(row: Row, parameters: dict[str, float]) -> str:
    """Return the step, on one line."""
    schema, name = row["schema"], row["name"]
    place = f"name: {_text(name)}" if schema == "public" else f"name: {_text(name)}, schema: {_text(schema)}"
    told = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    step = f"name: {_text(f'Autovacuum of {name}')}, table: {{{place}, with: {{{told}}}}}"
    return f"- {{{step}}}"


def _text(text: str) -> str:
    """Return a text as YAML has it: what is JSON is YAML; braces of a template stay as they are."""
    if all(_PLAIN.match(word) for word in text.removeprefix("Autovacuum of ").split(" ")) and text not in _WORDS:
        return text
    return json.dumps(text.replace("{{", "{{ '{{' }}").replace("{%", "{{ '{%' }}").replace("{#", "{{ '{#' }}"))


CHECK = Check(
    "autovacuum_late",
    "large tables of which autovacuum waits for a large share to change, with a smaller one",
    INFO,
    "autovacuum waits, in {object} ({number} rows, {size}), for {waits}",
    "{step}",
    ("written since the server counts: {inserted} rows inserted, {died} updated or deleted; vacuum {last}",),
    values={"dead": DEAD, "inserts": INSERTED, "share": SHARE},
    judge=late,
)
