"""What others do after the plan was made and before the first change, or while the run is at work.

In: a run, and what happens when its plan is shown or a step is done. Out: it goes on where it can, else says what
happened with its exit code, and the same command finishes the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, load_sql

from wgm_play import pipeline
from wgm_play.errors import StepFailed, WgmError

STEPS = [
    {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "integer", "primary_key": True}, "x": "text"}}},
    {"name": "U", "table": {"name": "u", "columns": {"id": "integer"}}},
]
OURS = "application_name like 'wgm-play%' and datname = current_database()"
FORBIDS = """
create function forbids() returns event_trigger language plpgsql as $$
begin
    if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.u') then raise 'no table here'; end if;
end $$;
create event trigger forbids on ddl_command_end when tag in ('CREATE TABLE') execute function forbids();
"""
SECURES = """
create function secures() returns event_trigger language plpgsql as $$
begin
    if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.u') then alter table public.u enable row level security; end if;
end $$;
create event trigger secures on ddl_command_end when tag in ('CREATE TABLE') execute function secures();
"""


class Meanwhile(Listener):
    """Runs SQL when the plan is shown, or when a step is done."""

    def hear(self, url: str, text: str, moment: str) -> Meanwhile:
        self.url, self.text, self.moment = url, text, moment
        return self

    def plan(self, plan: Any, *, diff: bool, outlook: object = None) -> None:
        Listener.plan(self, plan, diff=diff, outlook=outlook)
        self._act("plan")

    def step(self, result: Any) -> None:
        Listener.step(self, result)
        self._act("step")

    def _act(self, moment: str) -> None:
        if moment == self.moment:
            self.moment = ""
            load_sql(self.url, self.text)


@pytest.fixture
def run(database_url: str, project: Any) -> Callable[[str, str], Meanwhile]:
    """Return how to run the playbook while something happens."""
    load_sql(database_url, "create table t (id int primary key); insert into t values (1)")
    book = Project(project, database_url)
    book.write(STEPS)

    def one(text: str, moment: str) -> Meanwhile:
        listener = Meanwhile().hear(database_url, text, moment)
        options = pipeline.Options(str(project / "playbook.yml"), url=database_url, no_backup=True, diff=True)
        pipeline.apply(options, listener)
        return listener

    return one


def test_sessions_that_are_ended_while_the_plan_is_read_are_opened_again(run: Any) -> None:
    """As `idle_session_timeout` of a server that does not let us set it, a pooler or a firewall does."""
    assert run(f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}", "plan").changed == 2
    assert run("", "").changed == 0


def test_sessions_that_are_ended_during_the_run_fail_it_and_the_same_command_finishes_it(run: Any) -> None:
    with pytest.raises(WgmError) as caught:
        run(f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}", "step")
    assert type(caught.value) is StepFailed
    assert "was lost" in str(caught.value)
    assert run("", "").changed == 1
    assert run("", "").changed == 0


def test_an_event_trigger_that_appeared_meanwhile_and_raises_is_told(run: Any, database_url: str) -> None:
    with pytest.raises(StepFailed, match="no table here"):
        run(FORBIDS, "plan")
    load_sql(database_url, "drop event trigger forbids")
    assert run("", "").changed in (1, 2)
    assert run("", "").changed == 0


@pytest.mark.parametrize("moment", ["plan", "step"])
def test_an_event_trigger_that_appeared_meanwhile_and_acts_is_told(run: Any, database_url: str, moment: str) -> None:
    assert run(SECURES, moment).changed == 2
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select relrowsecurity from pg_class where relname = 'u'").fetchone() == (True,)
    assert run("", "").changed == 0


def test_what_the_plan_makes_and_somebody_else_made_is_planned_again(run: Any) -> None:
    assert run("create table u (id bigint)", "plan").changed == 2
    assert run("", "").changed == 0
