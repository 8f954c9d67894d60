"""What changes each kind. `OPERATIONS_FOR` is the one list: kind -> (create, alter, drop), each (situation, key) -> changes."""

from __future__ import annotations

from collections.abc import Callable

from wgm_play.catalog.model import Key
from wgm_play.operations import column, constraint, function, index, namespace, sequence, table, trigger, types, view
from wgm_play.operations.base import Change, Situation

Maker = Callable[[Situation, Key], list[Change]]

OPERATIONS_FOR: dict[str, tuple[Maker, Maker, Maker]] = {
    "schema": (namespace.create_schema, namespace.alter_schema, namespace.drop_schema),
    "extension": (namespace.create_extension, namespace.alter_extension, namespace.drop_extension),
    "setting": (namespace.set_setting, namespace.set_setting, namespace.reset_setting),
    "enum": (types.create_enum, types.alter_enum, types.drop_enum),
    "domain": (types.create_domain, types.alter_domain, types.drop_domain),
    "domain_constraint": (
        types.create_domain_constraint,
        types.alter_domain_constraint,
        types.drop_domain_constraint,
    ),
    "sequence": (sequence.create_sequence, sequence.alter_sequence, sequence.drop_sequence),
    "table": (table.create_table, table.alter_table, table.drop_table),
    "column": (column.add_column, column.alter_column, column.drop_column),
    "constraint": (constraint.create_constraint, constraint.alter_constraint, constraint.drop_constraint),
    "index": (index.create_index, index.alter_index, index.drop_index),
    "view": (view.create_view, view.alter_view, view.drop_view),
    "materialized_view": (
        view.create_materialized_view,
        view.alter_materialized_view,
        view.drop_materialized_view,
    ),
    "function": (function.create_function, function.alter_function, function.drop_function),
    "procedure": (function.create_function, function.alter_function, function.drop_function),
    "trigger": (trigger.create_trigger, trigger.alter_trigger, trigger.drop_trigger),
}
