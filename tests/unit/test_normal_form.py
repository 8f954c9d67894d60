"""Descriptions that are one rule are equal, and are sent as they are. In: texts of the deparser. Out: what is alike."""

from __future__ import annotations

import pytest

from wgm_play.catalog.model import Key, digest
from wgm_play.catalog.normal_form import flat, normal_row, plain_row, with_between
from wgm_play.user_cache import dumps, loads

FLAT = "((a > 0) AND (b >= 1) AND (b <= 9))"


@pytest.mark.parametrize(
    "nested",
    [
        "((a > 0) AND ((b >= 1) AND (b <= 9)))",
        "(((a > 0) AND (b >= 1)) AND (b <= 9))",
        "((a > 0) AND (((b >= 1)) AND (b <= 9)))".replace("((b >= 1))", "(b >= 1)"),
    ],
)
def test_nested_conditions_are_one(nested: str) -> None:
    assert flat(nested) == FLAT
    assert (
        flat("((a OR (b OR\nCASE WHEN c THEN d END)) AND\n   (e AND f))")
        == "((a OR b OR\nCASE WHEN c THEN d END) AND\n   e AND f)"
    )
    (row,) = [normal_row("domain_constraint", (f"CHECK ({nested})", True, None))]
    other = (f"CHECK ({FLAT})", True, None)
    assert row == other == row and hash(row) == hash(other)
    assert f"{row[0]}" == f"CHECK ({with_between(nested)})", "it is sent so that it comes back as it is"
    key = Key("domain_constraint", ("public", "d", "c"))
    assert digest({key: row}) == digest({key: other})
    assert normal_row("domain_constraint", (str(row[0]), True, None)) == other, "also where it was kept"
    assert loads(dumps(plain_row(row))) == plain_row(row), "and kept by the cache, which takes plain texts"


@pytest.mark.parametrize(
    "text",
    [
        FLAT,
        "((a > 0) OR ((b >= 1) AND (b <= 9)))",
        "(NOT ((a > 0) AND (b > 0))) AND c",
        "f((a AND b), c) AND (d OR e)",
        "((t = ' AND ((a) AND (b))'::text) AND (\"x AND (y\" > 0))",
        "(EXISTS ( SELECT 1 FROM t WHERE (a AND b))) AND c",
        "(( SELECT (a AND b) AS x) AND c)",
        "(c AND ARRAY[(a AND b)])".replace("c AND ARRAY", "c = ARRAY"),
        "sum(x) OVER (PARTITION BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
        "CASE WHEN (a AND b) THEN (c OR d) ELSE e END",
    ],
)
def test_what_is_not_nested_stays(text: str) -> None:
    assert flat(text) == text


def test_two_comparisons_of_one_between_are_written_so() -> None:
    assert with_between("((((b)::text >= 'a') AND ((b)::text <= f(1, 2))) AND (a > 0))") == (
        "(((b)::text BETWEEN 'a' AND f(1, 2)) AND (a > 0))"
    )
    unlike = "(((b >= 1) AND (c <= 9)) AND (a > 0))"
    assert with_between(unlike) == unlike


def test_values_within_a_query_are_described_as_they_are_read_again() -> None:
    said = 'SELECT "(VALUES (".column1, \'(VALUES (\'::text FROM (VALUES (1), (2)) "*VALUES*"'
    assert normal_row("view", (said,))[0] == said.replace("FROM (VALUES", "FROM ( VALUES")
