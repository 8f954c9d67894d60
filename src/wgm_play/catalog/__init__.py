"""What a database holds. `CLASSES` is the one list of kinds: their dataclass, whose fields are the compared columns of
the query `templates/catalog/KIND.sql` in that order; `QUERIES` is the order in which they are read.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.column import Column
from wgm_play.catalog.constraint import Constraint
from wgm_play.catalog.function import Function
from wgm_play.catalog.index import Index
from wgm_play.catalog.namespace import Extension, Schema, Setting
from wgm_play.catalog.sequence import Sequence
from wgm_play.catalog.table import Table
from wgm_play.catalog.trigger import Trigger
from wgm_play.catalog.types import Domain, DomainConstraint, Enum
from wgm_play.catalog.view import MaterializedView, View

CLASSES: dict[str, Any] = {
    "schema": Schema,
    "extension": Extension,
    "setting": Setting,
    "enum": Enum,
    "domain": Domain,
    "domain_constraint": DomainConstraint,
    "sequence": Sequence,
    "table": Table,
    "column": Column,
    "constraint": Constraint,
    "index": Index,
    "view": View,
    "materialized_view": MaterializedView,
    "function": Function,
    "procedure": Function,
    "trigger": Trigger,
}

# How many columns of a query's row are the name (after the kind).
NAME_PARTS: dict[str, int] = {
    "schema": 1,
    "extension": 1,
    "setting": 3,
    "enum": 2,
    "domain": 2,
    "domain_constraint": 3,
    "sequence": 2,
    "table": 2,
    "column": 3,
    "constraint": 3,
    "index": 2,
    "view": 2,
    "materialized_view": 2,
    "function": 3,
    "procedure": 3,
    "trigger": 3,
}

QUERIES = (
    "schema",
    "extension",
    "setting",
    "enum",
    "domain",
    "domain_constraint",
    "sequence",
    "table",
    "column",
    "constraint",
    "index",
    "view",
    "materialized_view",
    "function",
    "trigger",
)
