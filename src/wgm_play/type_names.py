"""Whether two spellings mean the same type: PostgreSQL's own grammar knows that `int` is `integer`.

In: types as a playbook and as the catalog write them. Out: a form in which equal types are equal texts.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.lru_cache(maxsize=1024)
def plain_type(text: str) -> str:
    """Return a type by its plain name: without schema and modifier, arrays with []; other text in lower case."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    if text.strip().upper() == "NONE":
        return "none"
    try:
        select: Any = parse_sql(f"SELECT NULL::{text}")[0].stmt
        name = select.targetList[0].val.typeName
    except (ParseError, AttributeError):
        return "".join(text.lower().split())
    return str(name.names[-1].sval) + "[]" * len(name.arrayBounds or ())
