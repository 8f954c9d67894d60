"""What production's run depends on, each missing or forged: the test that shows its refusal. None may be missing here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

DATABASE = Path(__file__).parents[1] / "database"
# What is missing or forged, the file that shows it, the case there (a key of its table, or a test's name).
PRECONDITIONS = (
    ("never tried on staging", "promotion", "never run on staging"),
    ("tried in another environment, and rolled back where it counts", "promotion", "rolled back on staging"),
    ("tried in part", "promotion", "a part of the play on staging"),
    ("tried in another order", "promotion", "in another order on staging"),
    ("tried with other variables", "promotion", "other variables on staging"),
    ("cannot be rendered there", "promotion", "a variable that staging lacks"),
    ("tried from another commit", "promotion", "a file changed, if only by a comment"),
    ("edited here", "promotion", "edited here"),
    ("edited there", "promotion", "edited on staging"),
    ("no revision", "promotion", "no repository"),
    ("a clone without the commit", "promotion", "a shallow clone"),
    ("soak not over", "promotion", "the soak is not over"),
    ("soak broken by a rollback", "promotion", "the soak counts anew after a rollback"),
    ("soak of something before", "promotion", "the soak of what a rollback came back to"),
    ("clock turned back", "promotion", "the clock turned back"),
    ("an alert in the soak", "promotion", "an alert in the soak"),
    ("nobody looked at alerts", "promotion", "nobody looked at the alerts"),
    ("a run there that did not end", "promotion", "a run on staging that did not end"),
    ("staging is production", "promotion", "staging is this very database"),
    ("another database", "promotion", "the database of another environment"),
    ("staging does not answer", "promotion", "staging does not answer"),
    ("the ledger was edited", "promotion", "a row of staging's ledger was edited"),
    ("the ledger comes out of an old backup", "promotion", "staging's ledger comes out of an old backup"),
    ("drift", "promotion", "production drifted"),
    ("no rehearsal", "promotion", "no rehearsal"),
    ("a rehearsal of something else", "promotion", "the rehearsal was of something else"),
    ("an expired rehearsal", "promotion", "the rehearsal is too old"),
    ("an expired drill", "promotion", "the drill is too old"),
    ("in a freeze", "promotion", "in a freeze"),
    ("in a window", "promotion", "test_a_window_of_the_environment_freezes_it_by_the_servers_clock"),
    ("what was rolled back", "promotion", "test_what_was_rolled_back_is_held_until_it_changes_or_is_released"),
    (
        "a file that is not the pinned one",
        "promotion",
        "test_a_pin_holds_a_step_file_until_it_is_moved_to_what_staging_holds",
    ),
    ("an edited plan", "promotion", "the plan was edited"),
    ("a plan of another commit", "promotion", "the plan is of another commit"),
    ("a plan of another state", "promotion", "the plan is of another state"),
    ("a plan of another environment", "promotion", "the plan is of another environment"),
    ("a plan of another version", "approvals", "test_a_plan_of_another_version_or_database_is_refused"),
    ("a plan of another database", "approvals", "test_a_plan_of_another_version_or_database_is_refused"),
    ("no plan", "approvals", "test_only_a_plan_file_can_be_approved_and_only_here"),
    ("too few approvals; a replayed one", "approvals", "test_two_logins_approve_and_exactly_that_plan_runs_once"),
    ("approved by the author", "approvals", "by who made the change"),
    ("by the author under another name", "approvals", "by who committed under another name"),
    ("by the author by his key", "approvals", "by the key of who made the change"),
    ("by one person twice", "approvals", "by a login and a key of one person"),
    ("in another's name", "approvals", "in another's name"),
    ("of another plan", "approvals", "of another plan"),
    ("of another commit", "approvals", "of another commit"),
    ("of another environment", "approvals", "of another environment"),
    ("by an unlisted key", "approvals", "by a key that is not listed"),
    ("by a key of the same pull request", "approvals", "by a key that came with the change"),
    ("by an expired key", "approvals", "by a key whose time is over"),
    ("edited after it was signed", "approvals", "edited after it was signed"),
    ("unsigned", "approvals", "by nobody"),
    ("expired", "approvals", "long ago"),
    ("authors not in the clone", "approvals", "where who made it is not in the clone"),
    ("evidence unsigned", "evidence_files", "unsigned"),
    ("evidence edited", "evidence_files", "edited after it was signed"),
    ("evidence by a key that nobody committed", "evidence_files", "by a key that nobody has committed"),
    ("evidence of another environment", "evidence_files", "of another environment"),
    ("evidence of another project", "evidence_files", "of another project"),
    ("evidence too old", "evidence_files", "too old"),
    ("evidence of a time to come", "evidence_files", "of a time to come"),
    ("evidence with steps taken out", "evidence_files", "with a step taken out"),
)


def _shown(name: str) -> set[str]:
    """Return the tests of a file, and the cases of those of its tables that tests are made of."""
    tree = ast.parse((DATABASE / f"test_{name}.py").read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            found |= {
                key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return found


@pytest.mark.parametrize("file", sorted({one[1] for one in PRECONDITIONS}))
def test_each_precondition_is_shown_missing_or_forged(file: str) -> None:
    assert len(PRECONDITIONS) >= 25
    assert {case for _, name, case in PRECONDITIONS if name == file} - _shown(file) == set()


def test_no_precondition_is_named_twice() -> None:
    assert len({one[0] for one in PRECONDITIONS}) == len(PRECONDITIONS)
