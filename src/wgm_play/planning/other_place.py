"""The other place of a query that no longer plans: the step by which what it names goes, or is there without it.

In: an error, the query's text, what the steps declare. Out: lines for the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wgm_play.playbook.model import Declarations
from wgm_play.sql import reveal

_QUOTED = re.compile(r'"([^"]+)"|column ([\w$.]+)')


def other_places(message: str, query: str, folded: Declarations) -> list[str]:
    """Return where the steps take away, rename or leave out what an error of PostgreSQL says is missing."""
    missing = {(one or other).rpartition(".")[2] for one, other in _QUOTED.findall(message)}
    words = set(re.findall(r"[\w$]+", reveal(query)))
    return list(dict.fromkeys(_places(missing, words, folded)))


def _places(missing: set[str], words: set[str], folded: Declarations) -> Iterator[str]:
    without = []
    for key, declared in folded.declarations.items():
        if key.name[-1] in missing and declared.absent:
            yield f"{declared.position}: {key.label} goes"
        if declared.renamed_from is not None and declared.renamed_from.name[-1] in missing:
            yield f"{declared.position}: {declared.renamed_from.label} is renamed to {key.name[-1]}"
        if key.name[-1] not in words:
            continue
        known = {part.name[-1] for part in declared.parts if part.kind == "column"}
        for part, told in declared.parts.items():
            if part.kind != "column":
                continue
            if told.absent and part.name[-1] in missing:
                yield f"{told.position}: the column {part.name[-1]} of {key.label} goes"
            elif told.renamed_from in missing:
                yield f"{told.position}: the column {told.renamed_from} of {key.label} is renamed to {part.name[-1]}"
        if known and not known & missing:
            without.append(f"{declared.position}: {key.label} is declared, without it")
    yield from without
