"""The part of the OASIS schema of SARIF 2.1.0 that our logs use, written from the standard (sections 3.13 to 3.52).

In: nothing. Out: `problems(log)`. As in the standard's own schema no other properties are allowed than those of each object;
of those, the ones that we write are checked, and the others would be a failure here.
"""

from __future__ import annotations

from typing import Any

import jsonschema


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _array(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string"}
MESSAGE = {
    **_object(text=TEXT, markdown=TEXT, id=TEXT, arguments=_array(TEXT)),
    "anyOf": [{"required": ["text"]}, {"required": ["id"]}],
}
MULTIFORMAT = _object(("text",), text=TEXT, markdown=TEXT)
RULE = _object(
    ("id",),
    id=TEXT,
    name=TEXT,
    shortDescription=MULTIFORMAT,
    fullDescription=MULTIFORMAT,
    help=MULTIFORMAT,
    helpUri={"type": "string", "format": "uri"},
)
FIRST = {"type": "integer", "minimum": 1}
REGION = _object(startLine=FIRST, startColumn=FIRST, endLine=FIRST, endColumn=FIRST)
ARTIFACT = _object(uri={"type": "string", "format": "uri-reference", "pattern": r"^[^\s\\]*$"}, uriBaseId=TEXT)
PHYSICAL = {
    **_object(artifactLocation=ARTIFACT, region=REGION, contextRegion=REGION),
    "anyOf": [{"required": ["artifactLocation"]}, {"required": ["address"]}],
}
LOGICAL = _object(name=TEXT, fullyQualifiedName=TEXT, decoratedName=TEXT, kind=TEXT)
LOCATION = _object(physicalLocation=PHYSICAL, logicalLocations=_array(LOGICAL, uniqueItems=True), message=MESSAGE)
SUPPRESSION = _object(
    ("kind",),
    kind={"enum": ["inSource", "external"]},
    status={"enum": ["accepted", "underReview", "rejected"]},
    justification=TEXT,
)
RESULT = _object(
    ("message",),
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    locations=_array(LOCATION),
    suppressions=_array(SUPPRESSION, uniqueItems=True),
)
DRIVER = _object(
    ("name",),
    name=TEXT,
    version=TEXT,
    informationUri={"type": "string", "format": "uri"},
    rules=_array(RULE, uniqueItems=True),
)
RUN = _object(
    ("tool",),
    tool=_object(("driver",), driver=DRIVER),
    automationDetails=_object(id=TEXT, description=MESSAGE),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=_array(RESULT),
)
LOG = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ("version", "runs"),
        **{"$schema": {"type": "string", "format": "uri"}},
        version={"const": "2.1.0"},
        runs=_array(RUN),
    ),
}


def problems(log: Any) -> list[str]:
    """Return what of a log is not as the standard says: by the schema, and that each result names its own rule."""
    found = [f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(LOG).iter_errors(log)]
    for run in log["runs"]:
        rules = [one["id"] for one in run["tool"]["driver"].get("rules", [])]
        found += [f"two rules {one}" for one in set(rules) if rules.count(one) > 1]
        for result in run["results"]:
            if rules[result["ruleIndex"]] != result["ruleId"]:
                found.append(f"{result['ruleId']} is not rule {result['ruleIndex']}")
    return found
