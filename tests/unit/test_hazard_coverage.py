"""Each hazard has a page, a trace of its locks, an online form that is killed and taken up again, or the reason why not.

In: the literal table below, the lock truth table, the cases. Out: a code that is missing, or a test that is not there, fails.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import forms
from wgm_play.hazards import pages

TESTS = Path(__file__).parents[1]
sys.path.append(str(TESTS / "database"))

from locktable import TRUTH  # noqa: E402 - a module of the folder above


class Cover(NamedTuple):
    """What stands behind a hazard: `case` is killed and taken back; `tests` are others; else a reason for none."""

    case: str = ""
    tests: tuple[str, ...] = ()
    untraced: str = ""
    unkilled: str = ""


def of(*names: str) -> tuple[str, ...]:
    """Return the names of tests (`file::function`) and of cases (`folder/name`)."""
    return names


LOCKS = "test_locks.py::test_a_concurrent_form_waits_with_a_lock_that_lets_writers_pass"
REFUSED_INSIDE = "test_locks.py::test_a_statement_that_needs_a_step_of_its_own_is_refused_in_a_transaction"
ADVICE = "advice: it says what to declare, and changes nothing by itself"
RAW = "of raw SQL: never sent by us; `sql` steps are refused or carry their own way back"
NO_LOCK = "a row of the catalog for roles: it locks no table"
SESSION = "how sessions behave, not a statement"
OTHERS = "what others do, seen before the run"
ONE = "one transaction: it is committed with its ledger rows or not at all"
NEVER = "never sent"
HEALTH = of("test_health.py")
KILLED = of("test_execute_faults.py")

COVERAGE = {
    "C01": Cover("online/column_with_volatile_default"),
    "C02": Cover("online/column_with_backfill"),
    "C03": Cover("online/column_with_identity"),
    "C04": Cover("online/column_with_its_rules"),
    "C05": Cover("online/plain_with_a_reason"),
    "C06": Cover("table/not_null_online"),
    "C07": Cover("online/instant_changes"),
    "C08": Cover("online/type_of_a_column", of("test_online.py", "test_online_faults.py")),
    "C09": Cover("online/type_of_a_column"),
    "C10": Cover("online/instant_changes"),
    "C11": Cover("renames/convert_online"),
    "C12": Cover("online/instant_changes"),
    "C13": Cover("online/generated_column_changes"),
    "C14": Cover("online/instant_changes"),
    "C15": Cover("online/type_of_a_column", untraced="what sessions prepared before, no lock"),
    "C16": Cover("online/column_with_its_rules"),
    "C17": Cover("", of("test_column_limit.py"), unkilled="it is refused before anything is touched"),
    "C18": Cover("online/types_of_people"),
    "K01": Cover("constraint/check_online"),
    "K02": Cover("constraint/foreign_key_online"),
    "K03": Cover("constraint/check_online"),
    "K04": Cover("constraint/unique_online", of(LOCKS)),
    "K05": Cover("constraint/unique_online"),
    "K06": Cover("online/plain_with_a_reason"),
    "K07": Cover("constraint/foreign_key_online"),
    "K08": Cover("online/column_with_its_rules", HEALTH, untraced="an index that is missing takes no lock"),
    "K09": Cover("online/instant_changes"),
    "K10": Cover("", unkilled=ADVICE),
    "K11": Cover("", of("constraint/postgresql_18"), unkilled=ONE),
    "K12": Cover("online/collation_of_a_column", untraced="as C08: a column changes its collation"),
    "K13": Cover("online/instant_changes"),
    "K14": Cover("online/type_of_a_key", untraced="as C08: a column changes its type"),
    "I01": Cover("index/change_online", of(LOCKS)),
    "I02": Cover("index/change_online", of(REFUSED_INSIDE), untraced="refused by the server before any lock"),
    "I03": Cover("index/change_online", of("test_online_faults.py"), untraced="what a cut statement leaves, no statement"),
    "I04": Cover("index/change_online", of(LOCKS, "test_preflight.py"), untraced="traced as I01, while it waits"),
    "I05": Cover("index/change_online", of(LOCKS)),
    "I06": Cover("online/type_of_a_key"),
    "I07": Cover("index/change_online", of(LOCKS)),
    "I08": Cover("partition/online"),
    "I09": Cover("", untraced="a defect of old servers, not a lock", unkilled=ADVICE),
    "I10": Cover("", unkilled=ADVICE),
    "I11": Cover("", untraced=ADVICE, unkilled=ADVICE),
    "I12": Cover("", of("function/body"), unkilled=ONE),
    "I13": Cover("", HEALTH, untraced="the system's collation changes, not the database", unkilled=ADVICE),
    "I14": Cover("index/change_online"),
    "I15": Cover("online/index_that_is_marked"),
    "I16": Cover("", untraced=ADVICE, unkilled=ADVICE),
    "T01": Cover("online/instant_changes"),
    "T02": Cover("online/instant_changes"),
    "T03": Cover("online/instant_changes"),
    "T04": Cover("", unkilled=NEVER),
    "T05": Cover("", unkilled=NEVER),
    "T06": Cover("online/plain_with_a_reason"),
    "T07": Cover("", of("test_superuser_kinds.py"), unkilled=ONE),
    "T08": Cover("", of("test_online_faults.py"), untraced="room on the disk, not a lock", unkilled="a full disk ends a run like an error: see the tests"),
    "T09": Cover("online/instant_changes"),
    "T10": Cover("", of("grant/owners_of_every_kind"), unkilled=ONE),
    "T11": Cover("", of("inheritance/inherits"), unkilled=ONE),
    "T12": Cover("", of("test_backfill.py"), untraced=ADVICE, unkilled=ADVICE),
    "P01": Cover("online/partition_attached"),
    "P02": Cover("partition/online", of(LOCKS)),
    "P03": Cover("partition/online"),
    "P04": Cover("online/partition_attached", untraced="traced with P01: the default partition is locked there"),
    "P05": Cover("online/rules_of_partitions"),
    "P06": Cover("online/rules_of_partitions"),
    "P07": Cover("", untraced=ADVICE, unkilled=ADVICE),
    "V01": Cover("online/instant_changes"),
    "V02": Cover("", unkilled=NEVER),
    "V03": Cover("online/materialized_view"),
    "V04": Cover("online/instant_changes"),
    "V05": Cover("online/instant_changes"),
    "V06": Cover("online/instant_changes"),
    "V08": Cover(tests=of("test_rows.py"), untraced=OTHERS, unkilled="a hint: it changes nothing"),
    "V07": Cover("", of("rule/make_change_drop"), unkilled=ONE),
    "Y01": Cover("online/enum_values"),
    "Y02": Cover("online/enum_values", untraced="as Y01: a place in the list is no other lock"),
    "Y03": Cover("", of("enum/rename"), unkilled=ONE),
    "Y04": Cover("online/enum_value_removed"),
    "Y05": Cover("online/types_of_people"),
    "Y06": Cover("online/types_of_people"),
    "R01": Cover("online/index_that_is_marked"),
    "R02": Cover("", unkilled=ONE),
    "R03": Cover("", of("test_backfill.py"), untraced=SESSION, unkilled="batches wait: a run that waits is killed like any other"),
    "R04": Cover("", unkilled=ADVICE),
    "R05": Cover("", of("test_preflight.py"), untraced=OTHERS, unkilled=OTHERS),
    "G01": Cover("", untraced=NO_LOCK, unkilled=ADVICE),
    "G02": Cover("", untraced=NO_LOCK, unkilled=ADVICE),
    "G03": Cover("", of("grant/default_privileges"), unkilled=ONE),
    "G04": Cover("", of("test_role_passwords.py"), untraced=NO_LOCK, unkilled=ONE),
    "G05": Cover("", unkilled=ONE),
    "G06": Cover("", untraced=RAW, unkilled=NEVER),
    "S11": Cover("", of("extension/create_and_drop"), untraced="locks what the extension's script says", unkilled=ONE),
    "S12": Cover("", of("setting/database_and_role"), untraced=NO_LOCK, unkilled=ONE),
    "S13": Cover("", unkilled=NEVER),
    "S14": Cover("", untraced=NEVER, unkilled=NEVER),
    "S15": Cover("", untraced=RAW, unkilled=NEVER),
    "S16": Cover("", of("test_lint.py"), untraced=RAW, unkilled=ADVICE),
    "X01": Cover("", of("test_online_faults.py::test_a_lock_that_is_held_for_longer_than_the_budget"), untraced=SESSION, unkilled=SESSION),
    "X02": Cover("", of("test_execute.py::test_timeouts_follow_the_class_of_the_statement"), untraced=SESSION, unkilled=SESSION),
    "X03": Cover("online/type_of_a_key"),
    "X04": Cover("online/type_of_a_key"),
    "X05": Cover("online/column_with_backfill", of("test_backfill.py")),
    "X06": Cover("online/column_with_backfill"),
    "X07": Cover("", of("test_sqlsteps.py"), untraced=RAW, unkilled="refused when the playbook is read"),
    "X08": Cover("constraint/check_online"),
    "X09": Cover("online/type_of_a_column", KILLED, untraced=SESSION),
    "X10": Cover("", untraced="how names are spelled", unkilled="how names are spelled"),
    "X11": Cover("", of("test_bad_input.py"), untraced="how names are spelled", unkilled="refused when the playbook is read"),
    "X12": Cover("", untraced=RAW, unkilled="refused when planned"),
    "X13": Cover("", untraced=RAW, unkilled=NEVER),
    "X14": Cover("", of("test_bodies.py"), untraced=RAW, unkilled=RAW),
    "X15": Cover("", of("test_preflight.py"), untraced=SESSION, unkilled="refused before anything is touched"),
    "X16": Cover("", of("test_preflight.py"), untraced=OTHERS, unkilled=OTHERS),
    "X17": Cover("", of("test_preflight.py"), untraced=OTHERS, unkilled=OTHERS),
    "X18": Cover("", of("test_readonly.py", "test_up_to_date.py::test_a_marker_of_another_environment_is_found"), untraced=OTHERS, unkilled="refused before anything is touched"),
    "X19": Cover("", untraced="how texts are compared", unkilled="how texts are compared"),
    "X20": Cover("", untraced=RAW, unkilled=RAW),
    "X21": Cover("", untraced="what people write beside a statement", unkilled=ADVICE),
    **{f"Q{number:02}": Cover("", untraced=ADVICE, unkilled=ADVICE) for number in range(1, 13)},
}  # fmt: skip

KILLABLE = {forms.name_of(path) for path in forms.files()}


def there(name: str) -> bool:
    """Tell whether a test, or a file with tests, is there."""
    file, _, function = name.partition("::")
    if not file.endswith(".py"):
        return (TESTS / "cases" / f"{file}.yml").is_file()
    found = list(TESTS.glob(f"*/{file}"))
    return len(found) == 1 and re.search(rf"^def {function or 'test_'}", found[0].read_text(), re.MULTILINE) is not None


def test_each_hazard_has_a_row_and_a_page() -> None:
    assert sorted(COVERAGE) == sorted(pages())


@pytest.mark.parametrize("code", sorted(COVERAGE))
def test_a_hazard_is_traced_and_killed_or_says_why_not(code: str) -> None:
    cover = COVERAGE[code]
    traced = any(truth.code == code for truth in TRUTH)
    assert traced != bool(cover.untraced), "a trace, or the reason why there is none"
    assert bool(cover.case) != bool(cover.unkilled), "a case that is killed, or the reason why there is none"
    if cover.case:
        assert cover.case in KILLABLE
        head = (TESTS / "cases" / f"{cover.case}.yml").read_text().splitlines()[0]
        assert code in head or not cover.case.startswith("online/"), "the case does not name the hazard"
    assert [name for name in cover.tests if not there(name)] == []
