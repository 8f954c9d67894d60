"""What a database holds. `CLASSES` is the one list of kinds: their dataclass, whose fields are the compared columns of
the query `templates/catalog/KIND.sql` in that order; `kinds.py` says what else holds for each.
"""

from __future__ import annotations

from wgm_play.catalog.access import DefaultPrivileges, Grant, Membership, Owner, Role, SecurityLabel
from wgm_play.catalog.collation import Collation
from wgm_play.catalog.column import Column
from wgm_play.catalog.composite import Composite, Range
from wgm_play.catalog.constraint import Constraint
from wgm_play.catalog.cron_job import CronJob
from wgm_play.catalog.foreign import ForeignDataWrapper, ForeignServer, ForeignTable, UserMapping
from wgm_play.catalog.function import Function
from wgm_play.catalog.index import Index
from wgm_play.catalog.kinds import KINDS
from wgm_play.catalog.model import CLASSES
from wgm_play.catalog.namespace import Extension, Schema, Setting
from wgm_play.catalog.operator import Aggregate, Cast, Operator, OperatorClass, OperatorFamily
from wgm_play.catalog.partition_set import PartitionSet
from wgm_play.catalog.policy import RowPolicy
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
        "policy": RowPolicy,
        "role": Role,
        "membership": Membership,
        "owner": Owner,
        "grant": Grant,
        "default_privileges": DefaultPrivileges,
        "security_label": SecurityLabel,
        "cron_job": CronJob,
        "partition_set": PartitionSet,
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
        "server": ForeignServer,
        "user_mapping": UserMapping,
        "foreign_table": ForeignTable,
    }
)

# How many columns of a query's row are the name (after the kind), also of what has no rows of its own.
NAME_PARTS: dict[str, int] = {
    **{kind: len(traits.parts) for kind, traits in KINDS.items()},
    "database": 1,
    "language": 1,
    "default_acl": 3,
    "inherited_column": 3,
    "identity_column": 3,
}
