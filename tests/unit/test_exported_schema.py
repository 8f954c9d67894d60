"""The schemas as other programs read them: strict ones too, whose regular expressions are those of ECMAScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wgm_play import environment_keys
from wgm_play.document.load import load_file
from wgm_play.playbook.exported import exported
from wgm_play.playbook.validate import schema
from wgm_play.report.json import schema as run_schema

ROOT = Path(__file__).parents[2]
SCHEMAS = {"playbook": schema, "environment": environment_keys.document, "run": run_schema}
KNOWN = {
    "$schema", "$id", "$ref", "$defs", "title", "description", "type", "properties", "additionalProperties", "required", "items",
    "enum", "const", "default", "examples", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "minProperties", "maxProperties", "oneOf", "anyOf", "allOf", "not", "uniqueItems", "propertyNames", "format", "prefixItems",
}  # fmt: skip
# What Python's regular expressions have and those of ECMAScript (with the flag u) have not.
PYTHON_ONLY = re.compile(r"\(\?[aiLmsux]|\(\?P|\\[AZ]|\(\?#|\(\?\(|\\_|\\-(?![^\[]*\])")


def fragments(one: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema."""
    if isinstance(one, list):
        for each in one:
            yield from fragments(each)
    elif isinstance(one, dict):
        yield one
        for key, value in one.items():
            if key in ("properties", "$defs"):
                yield from (inner for each in value.values() for inner in fragments(each))
            elif key in ("items", "additionalProperties", "oneOf", "anyOf", "allOf", "not"):
                yield from fragments(value)


@pytest.mark.parametrize("subject", SCHEMAS)
def test_a_strict_validator_takes_it(subject: str) -> None:
    made = exported(SCHEMAS[subject]())
    jsonschema.Draft202012Validator.check_schema(made)
    for one in fragments(made):
        assert not set(one) - KNOWN, one
        assert not PYTHON_ONLY.search(one.get("pattern", "")), one["pattern"]
        assert set(one.get("required", ())) <= set(one.get("properties", {})), "ajv: strictRequired"
        assert "type" in one or not {"properties", "minItems"} & set(one), "ajv: strictTypes"
    json.dumps(made)


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "tests" / "playbooks" / "valid").glob("*.yml")), *sorted((ROOT / "playbooks").glob("*.yml"))],
    ids=lambda path: path.stem,
)
def test_playbooks_meet_it(path: Path) -> None:
    jsonschema.Draft202012Validator(exported(schema())).validate(load_file(path))


def test_an_editor_offers_the_values_of_a_pattern() -> None:
    action = exported(schema())["$defs"]["action"]
    assert "set null" in json.dumps(action)
    for value, right in (("CASCADE", True), ("set null (a, b)", True), ("setnull", False)):
        assert jsonschema.Draft202012Validator(action).is_valid(value) is right
