"""Functions, triggers, policies, rules.

In: their CREATE and ALTER statements. Out: findings; the functions there are.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.kinds import CALLERS
from wgm_play.lint.context import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE, RuleContext
from wgm_play.lint.model import KnownFunction
from wgm_play.lint.tree import constant, kind, last, option, words

# What a trigger function sets to the time of now at every UPDATE.
_TOUCHES = re.compile(
    r"\bnew\s*\.\s*\"?(\w+)\"?\s*:?=\s*(?:now|clock_timestamp|current_timestamp|statement_timestamp)\b", re.IGNORECASE
)


def function(node: Any, look: RuleContext) -> None:
    """CREATE FUNCTION, CREATE PROCEDURE."""
    name = look.name(node.funcname)
    before = look.known.functions.get(name)
    if node.replace and name[1] in look.known.called:
        _stored(name, before, look)
    made = KnownFunction(name, made=look.file, where=look.place())
    made.trigger = node.returnType is not None and last(node.returnType.names) in CALLERS
    _options(node.options, made)
    made.revoked = look.known.closed or bool(before and before.revoked and node.replace)
    texts = option(node.options, "as")
    made.body = "\n".join(words(texts)) if isinstance(texts, tuple) else ""
    made.language = str(constant(option(node.options, "language")) or "sql").lower()
    at = look.statement.text.find(made.body) if made.body else -1
    if at >= 0:
        begins = look.statement.part.place(look.statement.start + at)
        made.line, made.column = begins.line, begins.column
    if made.trigger:
        look.known.touched.update(found.lower() for found in _TOUCHES.findall(made.body))
    look.known.functions[name] = made
    if made.definer:
        look.definers[name] = look.place()


def _options(options: Any, made: KnownFunction) -> None:
    for one in options or ():
        if one.defname == "security":
            made.definer = bool(constant(one.arg))
        elif one.defname == "volatility":
            made.volatility = str(constant(one.arg))
        elif one.defname == "set" and one.arg.name == "search_path" and one.arg.kind.name != "VAR_RESET":
            made.search_path = True


def _stored(name: tuple[str, str], before: KnownFunction | None, look: RuleContext) -> None:
    """Tell what keeps answers of the function that is replaced."""
    for index in look.known.indexes.values():
        table = look.relation(index.table)
        if name[1] in index.functions and not look.is_new(table):
            look.tell(
                "I12",
                f"index {index.name[1]} keeps the answers of the old function",
                table,
                index.name[1],
                remedy=f"REINDEX INDEX CONCURRENTLY {index.name[1]}; if the answers change",
            )
    for table in list(look.known.relations.values()):
        for one in table.constraints.values():
            if one.kind == "check" and name[1] in one.functions and not look.is_new(table):
                look.tell("I12", f"rows that {one.name} let pass are never checked again", table, one.name)


def alter_function(node: Any, look: RuleContext) -> None:
    """ALTER FUNCTION."""
    name = look.name(node.func.objname)
    found = look.function(node.func.objname)
    if found is None:
        found = look.known.functions[name] = KnownFunction(name, search_path=True, revoked=True)
        found.search_path = not _made_definer(node)
    was = found.definer
    _options(node.actions, found)
    if found.definer and not was:
        look.definers[found.name] = look.place()


def _made_definer(node: Any) -> bool:
    """Say whether ALTER FUNCTION makes it SECURITY DEFINER."""
    return any(one.defname == "security" and constant(one.arg) for one in node.actions or ())


def trigger(node: Any, look: RuleContext) -> None:
    """CREATE TRIGGER."""
    relation = look.relation(node.relation)
    if look.is_new(relation):
        return
    look.lock(relation, SHARE_ROW_EXCLUSIVE)
    look.tell(
        "V01", "each row that is written pays for it; making it stops writers for an instant", relation, node.trigname
    )


def policy(node: Any, look: RuleContext) -> None:
    """CREATE POLICY."""
    relation = look.relation(node.table)
    relation.policies += 1
    look.lock(relation, ACCESS_EXCLUSIVE)
    if node.permissive and not look.is_new(relation) and _always(node.qual):
        look.tell(
            "V05",
            "every row is seen or changed, whatever the other policies say",
            relation,
            node.policy_name,
            severity="warning",
            remedy="say whose rows: USING (owner = current_user)",
        )


def _always(condition: Any) -> bool:
    """Tell whether a condition is the word true."""
    value = getattr(condition, "val", None)
    return kind(value) == "Boolean" and bool(value.boolval) if value is not None else False


def alter_policy(node: Any, look: RuleContext) -> None:
    """ALTER POLICY."""
    look.lock(look.relation(node.table), ACCESS_EXCLUSIVE)


def rule(node: Any, look: RuleContext) -> None:
    """CREATE RULE."""
    relation = look.relation(node.relation)
    look.lock(relation, ACCESS_EXCLUSIVE)
    look.tell(
        "V07",
        "a rule rewrites statements: it counts and evaluates otherwise than one thinks",
        relation,
        node.rulename,
        remedy="a trigger",
    )


def event_trigger(node: Any, look: RuleContext) -> None:
    """CREATE EVENT TRIGGER."""
    look.tell("V07", "it runs at everybody's DDL, and may refuse it", node.trigname)
