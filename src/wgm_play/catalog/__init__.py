"""What a database holds. `CLASSES` is the one list of kinds: their dataclass, whose fields are the compared columns of
the query `templates/catalog/KIND.sql` in that order; `QUERIES` is the order in which they are read.
"""

from __future__ import annotations

from wgm_play.catalog.access import DefaultPrivileges, Grant, Membership, Owner, Role, SecurityLabel
from wgm_play.catalog.collation import Collation
from wgm_play.catalog.column import Column
from wgm_play.catalog.composite import Composite, Range
from wgm_play.catalog.constraint import Constraint
from wgm_play.catalog.foreign import ForeignDataWrapper, ForeignTable, Server, UserMapping
from wgm_play.catalog.function import Function
from wgm_play.catalog.index import Index
from wgm_play.catalog.model import CLASSES
from wgm_play.catalog.namespace import Extension, Schema, Setting
from wgm_play.catalog.operator import Aggregate, Cast, Operator, OperatorClass, OperatorFamily
from wgm_play.catalog.policy import Policy
from wgm_play.catalog.publication import Publication, PublicationSchema, PublicationTable
from wgm_play.catalog.rule import EventTrigger, Rule
from wgm_play.catalog.sequence import Sequence
from wgm_play.catalog.statistics import Statistics
from wgm_play.catalog.table import Table
from wgm_play.catalog.text_search import TextSearchConfiguration, TextSearchDictionary
from wgm_play.catalog.trigger import Trigger
from wgm_play.catalog.types import Domain, DomainConstraint, Enum
from wgm_play.catalog.view import MaterializedView, View

CLASSES.update(
    {
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
        "policy": Policy,
        "role": Role,
        "membership": Membership,
        "owner": Owner,
        "grant": Grant,
        "default_privileges": DefaultPrivileges,
        "security_label": SecurityLabel,
        "composite": Composite,
        "range": Range,
        "collation": Collation,
        "aggregate": Aggregate,
        "operator": Operator,
        "operator_family": OperatorFamily,
        "operator_class": OperatorClass,
        "cast": Cast,
        "text_search_dictionary": TextSearchDictionary,
        "text_search_configuration": TextSearchConfiguration,
        "statistics": Statistics,
        "rule": Rule,
        "event_trigger": EventTrigger,
        "publication": Publication,
        "publication_table": PublicationTable,
        "publication_schema": PublicationSchema,
        "foreign_data_wrapper": ForeignDataWrapper,
        "server": Server,
        "user_mapping": UserMapping,
        "foreign_table": ForeignTable,
    }
)

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
    "policy": 3,
    "role": 1,
    "membership": 2,
    "database": 1,
    "language": 1,
    "default_acl": 3,
    "inherited_column": 3,
    "composite": 2,
    "range": 2,
    "collation": 2,
    "aggregate": 3,
    "operator": 4,
    "operator_family": 3,
    "operator_class": 3,
    "cast": 2,
    "text_search_dictionary": 2,
    "text_search_configuration": 2,
    "statistics": 2,
    "rule": 3,
    "event_trigger": 1,
    "publication": 1,
    "publication_table": 3,
    "publication_schema": 2,
    "foreign_data_wrapper": 1,
    "server": 1,
    "user_mapping": 2,
    "foreign_table": 2,
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
    "policy",
    "role",
    "membership",
    "privileges",
    "security_label",
    "composite",
    "range",
    "collation",
    "aggregate",
    "operator",
    "operator_family",
    "operator_class",
    "cast",
    "text_search_dictionary",
    "text_search_configuration",
    "statistics",
    "rule",
    "event_trigger",
    "publication",
    "publication_table",
    "publication_schema",
    "foreign_data_wrapper",
    "server",
    "user_mapping",
    "foreign_table",
)
