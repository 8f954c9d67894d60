"""The page of `wgm-play doc security`: who can edit what, and what he can do with it, moment by moment.

In: nothing. Out: the page. Each line of `LINES` names the test that attacks what it promises.
"""

from __future__ import annotations

CHECK, RUN, SHADOW = "at --check", "at a run", "in the shadow"

# Who; when; what he can do, and what he cannot; the test that tries it.
LINES: tuple[tuple[str, str, str, str], ...] = (
    (
        "the author of a playbook", CHECK,
        "asks one SELECT for each assertion, invariant and alert; anything else is refused before it is sent (1)",
        "test_what_is_no_single_select_is_refused_before_it_is_sent",
    ),
    (
        "the author of a playbook", CHECK,
        "gives types and expressions; one that ends the statement it stands in is refused (1)",
        "test_an_expression_is_one_expression",
    ),
    (
        "the author of a playbook", CHECK,
        "calls functions of PostgreSQL that have no effect; pg_sleep, nextval, set_config, lo_create, pg_read_file and their like"
        " are not called: the question is not asked, and the plan says so",
        "test_functions_that_act_in_spite_of_read_only_are_not_called",
    ),
    (
        "the author of a playbook", CHECK,
        "calls functions, operators, casts and views of the database where no superuser is connected, in a READ ONLY transaction"
        " on a connection of its own; as a superuser none of them is called",
        "test_a_superusers_query_calls_no_code_of_others",
    ),
    (
        "the author of a playbook", CHECK,
        "cannot make a question write: its transaction begins READ ONLY and cannot be turned, and nothing of it stays for the next",
        "test_read_only_is_not_to_be_turned",
    ),
    (
        "the author of a playbook", SHADOW,
        "runs functions, event triggers, checks, defaults and indexes as a role that was made for this command on a server of our"
        " own, has no rights and owns the scratch database alone; the target's server holds it only for a role that is no"
        " superuser, or where the environment says `shadow: target`",
        "test_what_the_code_of_a_playbook_tries_while_planning_has_no_effect",
    ),
    (
        "the author of a playbook", SHADOW,
        "has a superuser's session there make extensions, event triggers, casts and the like, from a list, one statement each;"
        " functions in C, internal and untrusted languages are stand-ins that raise",
        "test_the_superuser_of_a_scratch_server_takes_one_statement_of_its_list",
    ),
    (
        "the author of a playbook", SHADOW,
        "reaches no other server: what dblink, foreign data and their like could call is taken away",
        "test_what_reaches_out_of_a_database_is_taken_from_an_extension",
    ),
    (
        "the author of a playbook", RUN,
        "changes what the role of the environment may change: a playbook is reviewed before it is run",
        "test_a_run_lets_a_superusers_query_call_what_a_superuser_owns",
    ),
    (
        "the author of a playbook", RUN,
        "cannot go on past a question that was not to be asked: the run is refused (11)",
        "test_a_run_that_cannot_ask_first_is_refused",
    ),
    (
        "the author of an untrusted playbook (--untrusted, WGM_UNTRUSTED=1, policy.trust: none)", CHECK,
        "reaches the target with nothing: assertions, invariants, seeds, data checks and alerts are named as not asked",
        "test_nothing_of_an_untrusted_playbook_reaches_the_target",
    ),
    (
        "the author of an untrusted playbook (--untrusted, WGM_UNTRUSTED=1, policy.trust: none)", CHECK,
        "brings no environment: those of -i DIR outside of the checkout are used, and `.wgm` there",
        "test_an_untrusted_playbook_brings_no_environment_and_is_not_run",
    ),
    (
        "the author of an untrusted playbook (--untrusted, WGM_UNTRUSTED=1, policy.trust: none)", CHECK,
        "reads the environment variables that `--env NAME` lists, and no others",
        "test_an_untrusted_playbook_reads_only_the_variables_that_are_listed",
    ),
    (
        "the author of an untrusted playbook (--untrusted, WGM_UNTRUSTED=1, policy.trust: none)", RUN,
        "is not run",
        "test_an_environment_that_trusts_no_playbook_lets_none_ask_or_run",
    ),
    (
        "the author of a playbook", CHECK,
        "makes 100,000 passes of loops, 64 MB and 10 s with a template, and no more (1)",
        "test_a_template_that_eats_time_or_memory_is_refused",
    ),
    (
        "the author of a playbook", CHECK,
        "has nothing printed that steers a terminal, or that the log of a CI job takes for a command: both are written out",
        "test_a_name_of_several_lines_gives_no_command_to_a_ci_job",
    ),
    (
        "who can edit an environment file", CHECK,
        "gives the embedded server settings that run nothing and open nothing; an archive_command is refused (1)",
        "test_an_environment_gives_the_embedded_server_no_setting_that_runs_or_opens_something",
    ),
    (
        "who can edit a saved plan", RUN,
        "nothing: the plan is made again, and one that differs in a statement, a lock or a step is refused (11)",
        "test_a_saved_plan_is_run_only_as_it_would_be_made_now",
    ),
    (
        "who can write to the project, as by a checkout", CHECK,
        "has nothing taken for what an earlier command found out: that lies in the person's own folder, as JSON",
        "test_what_lies_in_the_project_is_not_believed",
    ),
    (
        "another user of the machine", CHECK,
        "has nothing believed where he may write to that folder",
        "test_a_cache_that_others_may_write_to_is_not_believed",
    ),
    (
        "a user of the database without rights", RUN,
        "cannot have a superuser run his functions, or what his tables call: refused (11) unless he is in policy.trusted_owners",
        "test_code_of_a_role_without_rights_is_not_run_by_a_superuser",
    ),
    (
        "a user of the database without rights", RUN,
        "has his materialized views filled with his own rights; a schema `wgm` or `wgm_trash` of his is not taken for ours",
        "test_a_materialized_view_of_others_is_filled_with_the_rights_of_its_owner",
    ),
    (
        "a user of the database without rights", CHECK,
        "cannot have a superuser run his code by an index of a table that a question reads: it is not asked",
        "test_a_table_whose_index_calls_code_of_a_role_without_rights_is_not_read_by_a_superuser",
    ),
)  # fmt: skip

_PAGE = """\
# security

Who can edit what, and what he can do with it. A playbook that you did not write and did not review is untrusted: look at it
with a login that may only read (`planner:` in the environment), or with `--untrusted`.

{lines}
What is asked is looked up first: each function, operator and cast of the parsed query. Those of pg_catalog pass that are on a
written list of functions without effects; those in C of a few extensions pass unless they are volatile; others pass only where
no superuser is connected. A member of a superuser's role, or of pg_execute_server_program, counts as one.
"""


def page() -> str:
    """Return the page."""
    parts: dict[str, list[str]] = {}
    for who, moment, what, _ in LINES:
        parts.setdefault(f"## {who[0].upper()}{who[1:]}", []).append(f"- {moment}: {what}")
    told = "".join(f"{title}\n\n" + "\n".join(lines) + "\n\n" for title, lines in parts.items())
    return _PAGE.format(lines=told)
