"""A review as one JSON document (`wgm-play schema --output review`): the same bytes for the same input.

In: a `Review`, or such a document, which somebody else may have written. Out: text, every string masked; or the `Review`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.errors import InputError, Position
from wgm_play.finding import Finding
from wgm_play.plan import Command, Group, Hazard, Lock, Operation, Plan
from wgm_play.report.findings.json import as_data
from wgm_play.report.findings.json import schema as of_findings
from wgm_play.report.json import operation_data, plain, plan_data
from wgm_play.report.json import schema as of_runs
from wgm_play.report.review import words
from wgm_play.review.model import SECTIONS, Also, PlayReview, Review, Rollback

FORMAT = 1


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("review.schema.json").read_text(encoding="utf-8"))
    finding = of_findings()["properties"]["findings"]["items"]
    loaded["$defs"] = {**of_runs()["$defs"], "finding": finding, **loaded["$defs"]}
    return loaded


def write(review: Review) -> str:
    """Return the document."""
    return json.dumps(plain(document(review)), ensure_ascii=False, indent=2) + "\n"


def document(review: Review) -> dict[str, Any]:
    """Return the document as data."""
    return {
        "format": FORMAT,
        "playbook": review.subject,
        "against": review.against,
        "notes": list(review.notes),
        "environments": [_play(play) for play in review.plays],
        "also_open": [{"ref": one.ref, "objects": list(one.objects)} for one in review.also],
        "broken": [as_data(one) for one in review.broken],
    }


def _play(play: PlayReview) -> dict[str, Any]:
    return {
        "environment": play.environment,
        "play": play.play,
        "verdict": words.verdict(play),
        "server": {"version": play.version, "wanted": play.wanted_version, "said_by": play.said_by},
        "given": play.given,
        "new": play.new,
        "gone": play.gone,
        "sizes": play.sizes,
        "times": [{"statement": number, "says": list(lines)} for number, lines in sorted(play.times.items())],
        "findings": {section: [as_data(one) for one in play.findings.get(section, ())] for section in SECTIONS},
        "affected": list(play.affected),
        "left_alone": list(play.left_alone),
        "steps": list(play.plan.step_names),
        "plan": plan_data(play.plan),
        "rollback": {
            "titles": list(play.rollback.titles),
            "operations": [
                operation_data(replace(one, commands=()) if one in play.rollback.converted else one)
                for one in play.rollback.operations
            ],
            "irreversible": [{"title": title, "reason": why} for title, why in play.rollback.irreversible],
        },
        "diagram": play.diagram,
        "checklist": list(play.checklist),
    }


# What is larger was not written by a review.
MOST_BYTES = 64 * 1024 * 1024


def read(path: Path) -> Review:
    """Read a document that a stranger's branch may have written. Raise `InputError` for what is not as the schema says."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{str(path)!r}: {error.strerror}", hint="wgm-play diff ... --report json:FILE writes it"
        ) from error
    if len(text) > MOST_BYTES:
        raise InputError(f"{str(path)!r} is larger than any review")
    try:
        found = json.loads(text)
        _validate(found)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{str(path)!r} is no review: {str(error)[:200]}", hint="wgm-play diff ... --report json:FILE writes one"
        ) from error
    return Review(
        found["playbook"],
        found["against"],
        tuple(map(_read_play, found["environments"])),
        tuple(found["notes"]),
        tuple(Also(one["ref"], tuple(one["objects"])) for one in found["also_open"]),
        tuple(map(_read_finding, found["broken"])),
    )


def _validate(found: Any) -> None:
    import jsonschema

    problem = next(iter(jsonschema.Draft202012Validator(schema()).iter_errors(found)), None)
    if problem is not None:
        raise ValueError(f"{problem.json_path}: {problem.message}")


def _read_play(one: Mapping[str, Any]) -> PlayReview:
    found, back, server = one["plan"], one["rollback"], one["server"]
    plan = Plan(
        "",
        one["play"],
        one["environment"],
        found["server_version"],
        "",
        "",
        "",
        tuple(
            Group(
                tuple(map(_read_operation, group["operations"])),
                -1 if group["step"] is None else group["step"],
                group["transactional"],
            )
            for group in found["groups"]
        ),
        unknown=tuple(found["unknown"]),
        warnings=tuple(found["warnings"]),
        step_names=tuple(one["steps"]),
    )
    return PlayReview(
        one["play"],
        one["environment"],
        server["version"],
        server["wanted"],
        server["said_by"],
        plan,
        {section: tuple(map(_read_finding, one["findings"][section])) for section in SECTIONS},
        tuple(one["affected"]),
        Rollback(
            tuple(map(_read_operation, back["operations"])),
            (),
            tuple(back["titles"]),
            tuple((each["title"], each["reason"]) for each in back["irreversible"]),
        ),
        one["diagram"],
        tuple(one["left_alone"]),
        one["new"],
        one["gone"],
        tuple(one.get("checklist", ())),
        one.get("sizes", ""),
        {each["statement"]: tuple(each["says"]) for each in one.get("times", ())},
        one.get("given", ""),
    )


def _read_finding(one: Mapping[str, Any]) -> Finding:
    where = Position(one["file"], one["line"] or 0, one["column"] or 0) if one["file"] else None
    return Finding(
        one["code"],
        one["severity"],
        one["message"],
        one["object"],
        one["attribute"],
        one["remedy"],
        tuple(one["evidence"]),
        where,
        one["source"],
        one["acknowledged"] or "",
    )


def _read_operation(one: Mapping[str, Any]) -> Operation:
    return Operation(
        one["verb"],
        Key(one["kind"], tuple(one["object"])),
        one["title"],
        tuple(
            Command(
                each["sql"],
                locks=tuple(Lock(lock["level"], lock["relation"]) for lock in each["locks"]),
                transactional=each["transactional"],
                rewrites=each["rewrites"],
                scans=each["scans"],
            )
            for each in one["commands"]
        ),
        hazards=tuple(Hazard(**hazard) for hazard in one["hazards"]),
        irreversible=one["irreversible"],
    )
