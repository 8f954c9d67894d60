"""Expressions by chance, and steps of every kind that holds some.

In: a random source. Out: SQL expressions over the columns of table `t`, and a playbook's steps around them.
"""

from __future__ import annotations

from random import Random
from typing import Any

COLUMNS = {
    "a": "integer", "b": "integer", "n": "numeric(10,2)", "t": "text", "v": "varchar(20)", "c": "char(3)", "f": "boolean",
    "d": "date", "s": "timestamp", "z": "timestamptz", "i": "interval", "r": "int4range", "j": "jsonb", "ta": "text[]",
    "ia": "integer[]", "va": "varchar(9)[]", "e": "mood", "k": "word", "m": "bigint", "w": "double precision",
}  # fmt: skip
# Each is immutable, so that it may stand in an index and in a generated column too.
ATOMS = (
    "a > 0", "a BETWEEN 1 AND 9", "b NOT BETWEEN -5 AND 5", "a BETWEEN SYMMETRIC 9 AND b", "b IN (1, 2, 3)", "a <> ALL (ARRAY[1, 2])",
    "(a, b) = (1, 2)", "(a, b) < (3, 4)", "(a, b) IN ((1, 2), (3, 4))", "(a, b) NOT IN ((1, 2))", "ROW(a, b) IS DISTINCT FROM ROW(1, NULL)",
    "(a, b) <> (1, 2)", "a IS NULL", "f", "NOT f", "f IS NOT TRUE", "f IS UNKNOWN", "t LIKE 'x%'", "t NOT ILIKE '%_' ESCAPE '!'",
    "t ~ '^[a-z]+$'", "t SIMILAR TO '(a|b)%'", "t IN ('a', 'it''s', E'a\\nb\\\\')", "v IN ('a', 'AND (b)')", "v NOT IN ('x')", "v = ' OR '",
    "c = 'ab'", "c IN ('abc', 'x')", "upper(t) = 'X' COLLATE \"C\"", "t COLLATE \"C\" < 'b'", "n >= 1.5", "n IN (1, 2.5)",
    "n BETWEEN 0 AND 1e3", "d > '2020-01-01'", "d BETWEEN DATE '2020-01-01' AND '2021-01-01'", "s > TIMESTAMP '2020-01-01 10:00'",
    "(z AT TIME ZONE 'UTC') > '2020-01-01'", "s AT TIME ZONE 'Europe/Paris' > s AT TIME ZONE 'UTC'", "extract(year FROM d) > 2000",
    "date_part('hour', s) BETWEEN 8 AND 18", "i > interval '1 day'", "i BETWEEN '1 hour' AND interval '2' day", "i < '1 mon'::interval * 2",
    "coalesce(a, b, 0) > 1", "coalesce(t, v, '') <> ''", "nullif(a, 0) = b", "greatest(a, b, 3) > least(a, 2)", "ta @> ARRAY['a', 'b']",
    "'x' = ANY (ta)", "'x' = ANY (va)", "cardinality(ia) > 0", "ia[1] > 2", "ia[1:2] = ARRAY[1, 2]", "ia && '{1,2}'", "ta[1] IS NOT NULL",
    "ARRAY[a, b] <> '{}'", "ARRAY[ARRAY[a], ARRAY[b]] = '{}'::integer[]", "va && ARRAY['a'::varchar]", "j ? 'a'", "j @> '{\"a\": 1}'",
    "(j ->> 'k')::integer > 3", "j -> 'a' -> 0 IS NOT NULL", "j #>> '{a,b}' = 'c'", "jsonb_typeof(j) IN ('object', 'array')",
    "e = 'sad'", "e IN ('sad', 'ok')", "e > 'sad'", "r @> 3", "r && int4range(1, 5, '[]')", "NOT isempty(r)", "t IS DISTINCT FROM 'x'",
    "k <> 'no'", "k IN ('a', 'b')", "length(t) BETWEEN 1 AND 200", "substring(t FROM 1 FOR 2) = 'ab'", "trim(both FROM t) <> ''",
    "trim(leading 'x' FROM t) = t", "position('a' IN t) > 0", "overlay(t PLACING 'x' FROM 2) = t", "a % 2 = 0", "a::bigint * 2 > m",
    "- a < 3", "@ a < 3", "(a + b) * 2 - (a - b) > 4", "a - (b - 1) <> 0", "a::text = '1'", "CAST(n AS integer) = a", "'a' || t <> t",
    "t || v || 'x' = 'y'", "m IN (1, 9223372036854775807)", "w > 0.5 OR w = 'NaN'", "w BETWEEN 1 AND 2.5", "a::numeric / 3 > n",
    "m > a AND m < 5000000000", "a = 1 IS TRUE", "(a IS NULL) = (b IS NULL)", "num_nonnulls(a, b) = 1", "a & 3 = 1", "t ^@ 'x'",
    "(CASE a WHEN 1 THEN 'x' WHEN 2 THEN NULL ELSE t END) = v", "CASE WHEN f THEN a > 0 WHEN b > 2 THEN NULL ELSE true END",
    "(d, s) OVERLAPS (DATE '2020-01-01', interval '1 day')", "md5(t) = ''", "t = $$a$b$$", "t = U&'\\0441'", "B'101' = a::bit(3)",
    "d + 1 > '2020-01-01'", "d - DATE '2020-01-01' < 7", "s - s > interval '0'", "c::text = 'x'", "t::varchar(3) = v", "v::char(3) = c",
    "'{1}'::integer[] <@ ia", "(ARRAY['a', 'b'])[a] = t", "array_length(ia, 1) IS NULL", "NOT (a > 0 AND b > 0)",
)  # fmt: skip


class Expressions:
    """Makes expressions."""

    def __init__(self, source: Random) -> None:
        self.source = source

    def condition(self, depth: int = 3) -> str:
        """Return a boolean expression."""
        if depth <= 0 or self.source.random() < 0.25:
            return self.source.choice(ATOMS)
        parts = [self.condition(depth - 1) for _ in range(self.source.randint(2, 3))]
        form = self.source.choice(("and", "and", "or", "or", "mixed", "not", "case", "coalesce", "is", "equal", "bare"))
        one, other = f"({parts[0]})", f"({parts[1]})"
        made = {
            "and": " AND ".join(self._maybe_bare(part) for part in parts),
            "or": " OR ".join(self._maybe_bare(part) for part in parts),
            "mixed": f"{one} AND {other} OR {self._maybe_bare(parts[-1])}",
            "not": f"NOT {one} AND {other}",
            "case": f"CASE WHEN {parts[0]} THEN {parts[1]} ELSE {parts[-1]} END",
            "coalesce": f"coalesce({parts[0]}, {parts[1]}, false)",
            "is": f"{one} IS NOT TRUE OR {other} IS NOT NULL",
            "equal": f"{one} = {other}",
            "bare": " AND ".join(self.source.choice(ATOMS) for _ in parts),
        }
        return made[form]

    def _maybe_bare(self, part: str) -> str:
        # Without brackets, BETWEEN and comparisons of rows become an AND within an AND.
        return part if self.source.random() < 0.5 and " OR " not in part else f"({part})"

    def value(self) -> tuple[str, str]:
        """Return a value that needs no row, and its type."""
        return self.source.choice(
            (
                ("integer", "(1 + 2) * 3"),
                ("text", "'a' || E'\\n'"),
                ("boolean", "(1 > 0 AND 2 BETWEEN 1 AND 3 AND NOT false)"),
                ("varchar(20)", "'x'"),
                ("numeric(10,2)", "1e3"),
                ("numeric", "-1.50"),
                ("timestamptz", "now() - interval '1 day'"),
                ("timestamp(3)", "'2020-01-01 00:00'"),
                ("timestamptz", "(now() AT TIME ZONE 'UTC')::timestamptz(0)"),
                ("interval", "'1 mon 2 days'"),
                ("interval day to second", "'1 day'"),
                ("text[]", "ARRAY['a', NULL]"),
                ("integer[]", "'{1,2,NULL}'"),
                ("jsonb", "jsonb_build_object('a', ARRAY[1, 2])"),
                ("date", "CURRENT_DATE + 1"),
                ("char(3)", "'ab'"),
                ("bit(4)", "B'0101'"),
                ("double precision", "'NaN'"),
                ("bigint", "-9223372036854775808"),
                ("smallint", "-1"),
                ("uuid", "gen_random_uuid()"),
                ("text", "CASE WHEN random() > 0.5 THEN 'x' END"),
                ("text", "coalesce(NULL, 'it''s')"),
                ("integer", "length('x' COLLATE \"C\")"),
                ("bytea", "'\\x00'"),
                ("money", "12.5"),
                ("text", "current_setting('a.b', true)"),
                ("int4range", "int4range(1, 5)"),
                ("integer", "NULL"),
                ("name", "CURRENT_USER"),
            )
        )

    def query(self) -> str:
        """Return a query over `t`."""
        one, two = self.condition(), self.condition(2)
        return self.source.choice(
            (
                f"SELECT a, t FROM t WHERE {one}",
                f"SELECT a, ({one}) AS yes, CASE WHEN {two} THEN n END AS n FROM t ORDER BY a DESC NULLS LAST LIMIT 5",
                f"SELECT NULL AS x, a FROM t WHERE {one} UNION ALL SELECT 'x', b FROM t UNION SELECT t, NULL FROM t WHERE {two}",
                f"SELECT a, NULL::text AS x FROM t EXCEPT (SELECT b, 'y' FROM t WHERE {one} INTERSECT SELECT 1, t FROM t)",
                f"SELECT o AS whole, (ROW(a, o.*) IS NOT NULL) AS r, (o).a AS one, o.*::text AS x FROM t o WHERE {one}",
                f"SELECT a, sum(n) OVER w AS s, rank() OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS k, lag(b, 1, 0) OVER "
                f"(PARTITION BY f, ({two}) ORDER BY a RANGE BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING EXCLUDE TIES) AS p FROM t "
                f"WHERE {one} WINDOW w AS (PARTITION BY b ORDER BY a)",
                f"SELECT f, count(*) FILTER (WHERE {one}) AS n, string_agg(DISTINCT t, ',' ORDER BY t) AS l FROM t GROUP BY f HAVING "
                f"count(*) > 1 AND min(a) BETWEEN 1 AND 9",
                f"SELECT a, b, grouping(a) AS g FROM t WHERE {two} GROUP BY GROUPING SETS ((a, b), ROLLUP (a), ())",
                f"SELECT DISTINCT ON (b) b, a FROM t WHERE {one} ORDER BY b, a",
                f"SELECT o.a FROM t o WHERE EXISTS (SELECT 1 FROM t WHERE t.a = o.b AND ({one})) AND o.a IN (SELECT b FROM t WHERE {two})",
                f"SELECT x.a, y.q FROM t x LEFT JOIN t y0 ON x.a = y0.a AND (x.b BETWEEN 1 AND 9 AND y0.f) CROSS JOIN LATERAL "
                f"(SELECT count(*) AS q FROM t WHERE t.a = x.a AND ({one})) y",
                f"WITH RECURSIVE g (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM g WHERE n < 5 AND n BETWEEN 0 AND 9), h AS MATERIALIZED "
                f"(SELECT * FROM t WHERE {one}) SELECT g.n, h.a FROM g JOIN h ON h.a = g.n AND (h.b > 0 AND h.f)",
                f"SELECT v.x, v.y, u.q, u.ordinality FROM (VALUES (1, 'a'), (2, NULL)) v (x, y), unnest(ARRAY[1, 2]) WITH ORDINALITY u (q) "
                f"WHERE EXISTS (SELECT 1 FROM t WHERE {one})",
                f"SELECT a, b FROM t JOIN (SELECT a, t AS l FROM t WHERE {two}) q USING (a) WHERE f",
                f"SELECT (SELECT max(a) FROM t WHERE {one}) AS m, ARRAY(SELECT b FROM t WHERE {two} ORDER BY 1) AS l",
            )
        )

    def steps(self, version: int) -> list[dict[str, Any]]:
        """Return the steps of a playbook with an expression in every place that takes one."""
        say = self.condition
        columns: dict[str, Any] = {name: kind for name, kind in COLUMNS.items()}
        columns |= {f"g{number}": {"type": "boolean", "generated": say()} for number in range(4)}
        for number in range(6):
            kind, default = self.value()
            columns[f"def{number}"] = {"type": kind, "default": default}
        rules = {f"rule{number}": {"check": say()} for number in range(8)}
        rules["once"] = {"exclude": [{"column": "r", "with": "&&"}], "method": "gist", "where": say()}
        word = "VALUE <> 'no' AND (VALUE <> '' AND length(VALUE) BETWEEN 0 AND 99) AND VALUE NOT IN ('x', 'y')"
        made: list[dict[str, Any]] = [
            {"enum": {"name": "mood", "values": ["sad", "ok", "happy"]}},
            {"domain": {"name": "word", "type": "text", "check": word, "default": "'a' || 'b'"}},
            {"table": {"name": "t", "columns": columns, "constraints": rules, "row_level_security": True}},
            {
                "function": {
                    "name": "touch",
                    "returns": "trigger",
                    "language": "plpgsql",
                    "body": "begin return new; end",
                }
            },
            {
                "table": {
                    "name": "parts",
                    "columns": {"a": "integer", "b": "integer"},
                    "partition_by": {"list": [{"expression": "(a > 0 AND b BETWEEN 1 AND 9)"}]},
                }
            },
        ]
        for number in range(4):
            made.append({"index": {"name": f"where{number}", "table": "t", "columns": ["a"], "where": say()}})
            made.append(
                {"index": {"name": f"of{number}", "table": "t", "columns": [{"expression": f"({say(2)})"}, "b"]}}
            )
            made.append({"policy": {"name": f"p{number}", "table": "t", "using": say(), "with_check": say(2)}})
            made.append({"view": {"name": f"view{number}", "query": self.query()}})
            when = say(1)
            made.append(
                {
                    "trigger": {
                        "name": f"tr{number}",
                        "table": "parts",
                        "timing": "before",
                        "events": ["update"],
                        "function": "touch",
                        "when": f"new.a > 0 AND new.b BETWEEN 1 AND {number} OR (new.a, old.b) = (1, {len(when)})",
                    }
                }
            )
        made.append({"materialized_view": {"name": "kept", "query": self.query()}})
        made.append(
            {
                "rule": {
                    "name": "quiet",
                    "table": "t",
                    "event": "delete",
                    "where": "old.a > 0 AND old.b BETWEEN 1 AND 9",
                    "commands": [],
                    "instead": True,
                }
            }
        )
        if version >= 140000:
            made.append({"statistics": {"name": "st", "table": "t", "columns": ["a", f"({say(2)})"]}})
        return [{"name": f"Step {number}", **one} for number, one in enumerate(made)]
