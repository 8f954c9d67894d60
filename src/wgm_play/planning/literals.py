"""Values of a playbook as SQL literals.

In: a value from YAML or CSV, the type of its column. Out: `Sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wgm_play.operations.column import cast
from wgm_play.sql import Sql, literal, reveal


def spell(value: Any, type_name: str) -> Sql:
    """Return a value as a literal of a column's type."""
    if value is None:
        return Sql(f"NULL::{type_name}")
    if type_name.endswith("[]") and isinstance(value, (list, tuple)):
        return cast(Sql(f"ARRAY[{', '.join(spell(one, type_name[:-2]) for one in value)}]"), type_name)
    if type_name in ("json", "jsonb"):
        import json

        return Sql(f"{literal(json.dumps(plain(value), ensure_ascii=False))}::{type_name}")
    if isinstance(value, bool) or value is None:
        return Sql(f"{literal(value)}::{type_name}" if type_name != "boolean" else literal(value))
    if isinstance(value, int) and type_name in ("integer", "bigint", "smallint"):
        return Sql(f"{literal(value)}::{type_name}" if type_name != "integer" else literal(value))
    if isinstance(value, (int, float)):
        return Sql(f"{literal(str(value))}::{type_name}")
    if isinstance(value, (dict, list, tuple)):
        return Sql(f"({literal(plain(value))})::text::{type_name}")
    return cast(literal(value), type_name)


def plain(value: Any) -> Any:
    """Return a value from a playbook as plain data, secrets and all."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return reveal(value) if isinstance(value, str) else value
