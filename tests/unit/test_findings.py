"""Findings in every format: each is read back by a reader of that format, with hostile texts in every field."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import sarif
from markdown_it import MarkdownIt

from wgm_play.alerts.evaluate import AlertSample, AlertState
from wgm_play.commands.alerts import finding_of
from wgm_play.errors import InputError, Position
from wgm_play.finding import Finding, at_least, ordered, tally
from wgm_play.report.findings import FORMATS, Heading, check_reports, write_reports, written
from wgm_play.report.findings import sarif as writer
from wgm_play.report.findings.json import schema
from wgm_play.report.findings.markdown import LIMIT
from wgm_play.report.json import JsonReporter
from wgm_play.report.text import TextReporter
from wgm_play.secret import register

HOSTILE = 'x"<b>|`` ``` ]]> & \x00\x1b[31m\r\n::error::forged\n| a | %0A, é 🂡'
HEADING = Heading("check", "production", file="playbooks/production.yml", pages=(("C08", "change a column's type"),))
FOUND = [
    Finding("advice", "info", "could be better", object="public.t"),
    Finding(
        "C08",
        "error",
        "the table is rewritten",
        "public.t",
        "note",
        "do this\nthen that",
        ("row 1", "row 2"),
        Position("playbooks/schema.yml", 7, 3),
        "lint",
    ),
    Finding("known", "error", "known", "public.u", acknowledged="until the next release"),
    Finding("hostile", "warning", HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), source="health"),
]


def read(form: str, findings: list[Finding] = FOUND, heading: Heading = HEADING) -> str:
    return written(form, findings, heading)


def test_the_worst_come_first_and_what_is_acknowledged_counts_no_more() -> None:
    assert [one.code for one in ordered(FOUND)] == ["C08", "hostile", "advice", "known"]
    assert [one.code for one in at_least(FOUND, "warning")] == ["C08", "hostile"]
    assert tally(FOUND) == {"error": 1, "warning": 1, "info": 1, "acknowledged": 1}


def test_a_fingerprint_survives_edits_and_tells_things_apart() -> None:
    one = FOUND[1]
    moved = Finding(
        one.code,
        "warning",
        "other words",
        one.object,
        one.attribute,
        where=Position("playbooks/schema.yml", 99),
        source="lint",
    )
    assert moved.fingerprint == one.fingerprint
    others = {Finding("C08", "error", "", *names, source="lint").fingerprint for names in (("a", "bc"), ("ab", "c"))}
    assert len(others | {one.fingerprint}) == 3


def test_json_is_as_its_schema_says() -> None:
    document = json.loads(read("json"))
    jsonschema.validate(document, schema())
    assert document["failed"] is True and document["findings"][0]["line"] == 7
    jsonschema.validate(json.loads(read("json", [])), schema())


def test_sarif_has_a_rule_a_place_and_a_fingerprint_for_each() -> None:
    run = json.loads(read("sarif"))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] and place["region"]["startLine"] >= 1
        assert re.fullmatch("[0-9a-f]{32}", result["partialFingerprints"]["wgm/v1"])
    first, last = run["results"][0], run["results"][-1]
    assert (first["level"], first["locations"][0]["physicalLocation"]["region"]) == (
        "error",
        {"startLine": 7, "startColumn": 3},
    )
    assert last["suppressions"][0]["justification"] == "until the next release"


@pytest.mark.parametrize(
    "found",
    [
        FOUND,
        [],
        [Finding("C08", "error", "", "public.t", where=Position("play books/Käufer & 50%.yml", 3, 1))] * 2,
        [Finding("U01", "warning", HOSTILE, where=Position("a\\b.sql")), Finding("C08", "info", "no place")],
    ],
)
@pytest.mark.parametrize("file", ["playbooks/production.yml", ""])
def test_sarif_is_as_the_standard_says(found: list[Finding], file: str) -> None:
    heading = Heading("check", "production", file=file, pages=HEADING.pages)
    assert sarif.problems(json.loads(read("sarif", found, heading))) == []


def test_junit_fails_what_counts_and_skips_what_is_acknowledged() -> None:
    suite = ElementTree.fromstring(read("junit"))[0]  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    assert [case[0].tag for case in suite] == ["failure", "failure", "system-out", "skipped"]
    empty = ElementTree.fromstring(read("junit", []))[0]  # noqa: S314
    assert (empty.get("tests"), empty.get("failures")) == ("1", "0")


def test_github_gets_one_command_a_finding_and_nothing_forged() -> None:
    lines = read("github").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::notice"]
    assert lines[0].startswith("::error file=playbooks/schema.yml,line=7,col=3,title=C08 public.t::the table")
    assert "%0D%0A::error::forged" in lines[1]


def test_github_shows_ten_of_a_kind_and_the_tenth_counts_the_others() -> None:
    many = [Finding("c", severity, "m", str(number)) for severity in ("error", "warning") for number in range(25)]
    lines = read("github", many).splitlines()
    assert len(lines) == 20
    assert lines[9].endswith("::and 16 more: see the log of this step")
    assert len(read("github", many[:10]).splitlines()) == 10


def test_gitlab_has_every_key_and_leaves_out_what_is_acknowledged() -> None:
    entries = json.loads(read("gitlab"))
    assert [entry["severity"] for entry in entries] == ["critical", "major", "info"]
    assert entries[0]["location"] == {"path": "playbooks/schema.yml", "lines": {"begin": 7}}
    assert len({entry["fingerprint"] for entry in entries}) == 3


# GitLab's schema of the format in words: its manual, "Code Quality report format".
OF_GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/.]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": False,
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def test_gitlab_loses_nothing_to_an_equal_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    twice = [Finding("X01", "warning", "m", where=Position(file, 1, 1)) for file in ("a.sql", "b.sql")]
    seen: list[str] = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        entries = json.loads(read("gitlab", [*twice, *FOUND]))
        jsonschema.validate(entries, OF_GITLAB)
        assert read("gitlab", [*twice, *FOUND]) == json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
        assert f"{folder}/a.sql" in {one["location"]["path"] for one in entries}
        seen += [one["fingerprint"] for one in entries]
    assert len(set(seen)) == len(seen) == 10


@pytest.mark.parametrize("form", ["sarif", "github", "gitlab"])
def test_files_are_named_from_the_root_of_the_repository(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")  # a worktree or a submodule
    (tmp_path / "services" / "db").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "services" / "db")
    found = [Finding("C08", "error", "m", where=Position("schema.yml", 7, 3)), Finding("U01", "warning", "of no place")]
    text = read(form, found)
    assert "services/db/schema.yml" in text and "services/db/playbooks/production.yml" in text
    rooted = read(form, found, replace(HEADING, rooted=True))
    assert "services" not in rooted


@pytest.mark.parametrize(("results", "size"), [(500, 1), (500, 3_000)])
def test_sarif_stays_below_the_limits_and_the_last_counts_the_others(
    results: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (writer.LIMIT, writer.BYTES) == (25_000, 10_000_000)
    monkeypatch.setattr(writer, "LIMIT", results)
    monkeypatch.setattr(writer, "BYTES", 1_000_000)
    many = [Finding("C08", "error", "m" * size, f"public.t{number}") for number in range(501)]
    log = read("sarif", many)
    shown = json.loads(log)["runs"][0]["results"]
    assert len(shown) == results or 700_000 < len(log.encode()) <= 1_000_000
    assert shown[-1]["message"]["text"].startswith(f"and {len(many) - len(shown) + 1} more")
    assert sarif.problems(json.loads(log)) == []
    assert len(json.loads(read("sarif", many[:200]))["runs"][0]["results"]) == 200


def test_nagios_says_the_worst_in_its_first_line_and_figures_behind_the_bar() -> None:
    first, *rest = read("nagios").splitlines()
    assert first.startswith("WGM CRITICAL - production: 1 error, 1 warning, 1 advice, 1 acknowledged: the table")
    assert first.endswith("|errors=1 warnings=1 advice=1") and first.count("|") == 1
    assert len(rest) == 3
    assert read("nagios", []).startswith("WGM OK - production: nothing found|")


def test_markdown_shows_hostile_text_as_text() -> None:
    html = MarkdownIt("commonmark").enable("table").render(read("markdown"))
    assert "<b>" not in html
    assert html.count("<tr>") == 5
    assert "::error::forged" in html


def test_markdown_stays_below_the_limit_whatever_there_is() -> None:
    many: list[Any] = [
        Finding("c", "error", "m" * 90, f"public.t{number}", evidence=("e" * 200,)) for number in range(5000)
    ]
    for few in (200, 400, 5000):
        text = read("markdown", many[:few])
        assert len(text) <= LIMIT
        shown = text.count("🔴 error")
        assert shown == few or f"and {few - shown} more" in text


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_format_shows_a_secret(form: str) -> None:
    register("hunter-22-secret")
    told = "before hunter-22-secret after"
    assert "hunter-22" not in read(form, [Finding("c", "error", told, told, "a", told, (told,))])


def test_reports_are_written_whole_several_at_once(tmp_path: Path, capsys: Any) -> None:
    reports = (f"junit:{tmp_path}/a.xml", f"sarif:{tmp_path}/b.sarif", "nagios:-")
    check_reports(reports)
    write_reports(reports, FOUND, HEADING)
    assert (tmp_path / "a.xml").read_text().startswith("<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xml", "b.sarif"]
    assert capsys.readouterr().out.startswith("WGM CRITICAL")


@pytest.mark.parametrize(
    ("report", "told"),
    [("junit", "names no file"), ("xml:a", "no such format"), ("junit:no/such/folder/a", "no folder 'no/such/folder'")],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything(report: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        check_reports([report])


def test_standard_output_holds_one_report_and_nothing_else(capsys: Any) -> None:
    reporter = TextReporter()
    check_reports(["junit:-"], reporter)
    reporter.note("one")
    reporter.page("findings", "two")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "one\ntwo\n")
    with pytest.raises(InputError, match="--report junit:- and --report text:- both go to standard output"):
        check_reports(["junit:-", "text:-"])
    with pytest.raises(InputError, match="--format json and a report to - both"):
        check_reports(["junit:-"], JsonReporter())


def test_an_alert_names_the_rows_that_fire_and_no_runbook_where_it_cannot_see() -> None:
    rows = tuple(AlertSample(float(n), {"sku": f"S{n}"}, n < 8) for n in range(9, 0, -1))
    firing = AlertState("Low", "firing", "info", "Sold out", "< 8", 0, rows, runbook="buy more")
    told = finding_of(firing, fresh=False)
    assert told.evidence[0] == "value 7, threshold < 8, sku=S7" and told.evidence[-1] == "and 2 more rows"
    assert (len(told.evidence), told.remedy) == (6, "buy more")
    assert finding_of(replace(firing, no_log=True), fresh=False).evidence == ()
    unknown = finding_of(replace(firing, state="unknown", samples=(), error="it cannot see"), fresh=False)
    assert (unknown.remedy, unknown.severity) == ("", "warning")
