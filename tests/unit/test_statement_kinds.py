"""A statement of a `sql` step that a kind of step declares is known by that kind; what no kind declares may run."""

from __future__ import annotations

import pytest
from pglast import parse_sql

from wgm_play.checks.statements import judge

DECLARED = {
    "create type a as (x int)": "composite",
    "alter type a add attribute y int": "composite",
    "create type b as range (subtype = int)": "range",
    "create collation c (locale = 'C')": "collation",
    "create aggregate d(int) (sfunc = int4pl, stype = int)": "aggregate",
    "alter aggregate d(int) rename to e": "aggregate",
    "create operator === (function = int4eq, leftarg = int, rightarg = int)": "operator",
    "alter operator ===(int, int) set (restrict = none)": "operator",
    "create operator family f using btree": "operator_family",
    "create operator class g for type int using btree as operator 1 <": "operator_class",
    "create cast (int as text) with inout": "cast",
    "drop cast (int as text)": "cast",
    "create text search dictionary h (template = simple)": "text_search_dictionary",
    "create text search configuration i (parser = default)": "text_search_configuration",
    "alter text search configuration i add mapping for word with simple": "text_search_configuration",
    "create statistics s on a, b from t": "statistics",
    "alter statistics s set statistics 4": "statistics",
    "create rule r as on delete to t do instead nothing": "rule",
    "alter rule r on t rename to s": "rule",
    "create event trigger e on ddl_command_end execute function x()": "event_trigger",
    "alter event trigger e disable": "event_trigger",
    "security label on table t is 'x'": "security_label",
    "create publication p": "publication",
    "alter publication p add table t": "publication",
    "create foreign data wrapper w": "foreign_data_wrapper",
    "create server s foreign data wrapper w": "server",
    "alter server s version '2'": "server",
    "create user mapping for public server s": "user_mapping",
    "drop user mapping for public server s": "user_mapping",
    "create foreign table t (a int) server s": "foreign_table",
    "alter foreign table t add column b int": "foreign_table",
}
UNDECLARED = (
    "alter collation c refresh version",
    "create type shell",
    "create conversion c for 'LATIN1' to 'UTF8' from f",
    "create transform for int language sql (from sql with function f(internal))",
    "create access method m type index handler h",
    "create text search template t (lexize = x)",
)


@pytest.mark.parametrize(("text", "kind"), DECLARED.items())
def test_a_statement_is_known_by_the_kind_that_declares_it(text: str, kind: str) -> None:
    found = judge(parse_sql(text)[0].stmt, text)
    assert (found.klass, found.kind) == ("ddl", kind)


@pytest.mark.parametrize("text", UNDECLARED)
def test_what_no_kind_declares_may_run_in_a_sql_step(text: str) -> None:
    assert judge(parse_sql(text)[0].stmt, text).klass == "data"


def test_a_subscription_belongs_to_the_cluster() -> None:
    assert judge(parse_sql("create subscription s connection '' publication p")[0].stmt, "").klass == "cluster"
