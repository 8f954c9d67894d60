"""The strongest lock that a statement took, told from its text, and what that stops (manual: "Explicit Locking").

In: a statement as the ledger has it. Out: the level as in `pg_locks.mode`, and who waits for it.
"""

from __future__ import annotations

import re

# In order: the first that fits counts. What makes an object that nobody sees yet stops nobody.
_LEVELS = (
    (r"(CREATE (UNIQUE )?|DROP |RE)INDEX CONCURRENTLY|REINDEX .*CONCURRENTLY", "ShareUpdateExclusive"),
    (r"REFRESH MATERIALIZED VIEW CONCURRENTLY", "Exclusive"),
    (r"CREATE (UNIQUE )?INDEX", "Share"),
    (
        r"ALTER TABLE .* (VALIDATE CONSTRAINT|SET STATISTICS|ATTACH PARTITION|DETACH PARTITION .* CONCURRENTLY|SET \()",
        "ShareUpdateExclusive",
    ),
    (r"ALTER TABLE .* (FOREIGN KEY|REFERENCES|(ENABLE|DISABLE) .*TRIGGER)", "ShareRowExclusive"),
    (r"CREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER", "ShareRowExclusive"),
    (r"COMMENT ON|(VACUUM|ANALYZE)\b", "ShareUpdateExclusive"),
    (
        r"(ALTER|DROP) (TABLE|INDEX|VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE|TRIGGER|POLICY|RULE)|TRUNCATE|REFRESH|CREATE (OR REPLACE )?(RULE|POLICY)|LOCK TABLE",
        "AccessExclusive",
    ),
    (r"(WITH|INSERT|UPDATE|DELETE|MERGE|COPY)\b", "RowExclusive"),
)
_LEVELS_READ = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), level) for pattern, level in _LEVELS)
_COMMENTS = re.compile(r"\A(\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
# What others cannot do meanwhile: a word for the colour, and one for people.
STOPS = {
    "AccessExclusive": ("all", "stops reads and writes"),
    "Exclusive": ("writes", "stops writes"),
    "ShareRowExclusive": ("writes", "stops writes"),
    "Share": ("writes", "stops writes"),
    "ShareUpdateExclusive": ("changes", "stops other changes of the table only"),
    "RowExclusive": ("rows", "locks its rows"),
    "": ("nothing", "stops nobody"),
}
STRENGTH = tuple(STOPS)


def level(sql: str) -> str:
    """Return the level of the strongest lock on what others use; "" for none."""
    text = " ".join(_COMMENTS.sub("", sql).split())
    return next((level for pattern, level in _LEVELS_READ if pattern.match(text)), "")
