"""The document as text: what belongs to one table is one line, so that two files can be compared.

In: the document. Out: JSON.
"""

from __future__ import annotations

import json
from typing import Any


def written(document: dict[str, Any]) -> str:
    """Return the text of a document."""
    parts = [f" {json.dumps(key)}: {_value(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n ]"
    return json.dumps(value, ensure_ascii=False)
