"""Text search configurations and dictionaries, as the catalog has them (manual: pg_ts_config, pg_ts_dict).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TextSearchConfiguration:
    """A configuration: its parser, and [token type, dictionaries in order as SQL] of each token type that is mapped."""

    parser: str
    mappings: list[list[str]] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class TextSearchDictionary:
    """A dictionary: its template, and its options as the catalog keeps them: `stopwords = 'english', …`."""

    template: str
    options: str | None
    comment: str | None
