"""A review as one JSON document (`wgm-play schema --output review`): the same bytes for the same input.

In: a `Review`. Out: text; every string masked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wgm_play.report.findings.json import as_data
from wgm_play.report.findings.json import schema as of_findings
from wgm_play.report.json import operation_data, plain, plan_data
from wgm_play.report.json import schema as of_runs
from wgm_play.report.review import words
from wgm_play.review.model import SECTIONS, PlayReview, Review

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
        "new": play.new,
        "gone": play.gone,
        "findings": {section: [as_data(one) for one in play.findings.get(section, ())] for section in SECTIONS},
        "affected": list(play.affected),
        "left_alone": list(play.left_alone),
        "plan": plan_data(play.plan),
        "rollback": {
            "titles": list(play.rollback.titles),
            "operations": [operation_data(one) for one in play.rollback.operations],
            "irreversible": [{"title": title, "reason": why} for title, why in play.rollback.irreversible],
        },
        "diagram": play.diagram,
    }
