"""Who may do more after a change than before: privileges, policies, owners, roles, what runs with another's rights.

In: the catalog before and after. Out: findings. What takes rights away is said too, as advice: somebody may need them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from wgm_play.catalog.access import PUBLIC, open_to_all, own, read
from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import OF_OBJECT
from wgm_play.catalog.model import Catalog, Key, differing_fields
from wgm_play.errors import Position
from wgm_play.finding import ERROR, INFO, WARNING, Finding

Place = Callable[[Key], Position | None]

_DEFINER = re.compile(r"^\s*(?:[A-Z ]+ )?SECURITY DEFINER\b", re.MULTILINE)
_PATH = re.compile(r"^\s*SET search_path\b", re.MULTILINE | re.IGNORECASE)
_ATTRIBUTES = {
    "superuser": ERROR,
    "bypass_rls": ERROR,
    "createrole": ERROR,
    "replication": ERROR,
    "createdb": WARNING,
    "login": WARNING,
}
_VIEW_OPTIONS = {
    "security_invoker": "whoever reads it reads with the rights of its owner, past the privileges and policies of tables",
    "security_barrier": "functions of whoever reads it may see rows that it hides",
}
_ACTS = {
    "event_trigger": "it acts on the statements of everybody",
    "user_mapping": "it is a login on another server",
    "server": "it reaches another server",
    "extension": "its script runs with the rights of whoever installs it",
    "cast": "it acts in statements that do not name it",
}


def look(before: Catalog, after: Catalog, place: Place) -> list[Finding]:
    """Return what a change gives or takes away."""
    changed = [key for key in sorted({*before.rows, *after.rows}) if before.rows.get(key) != after.rows.get(key)]
    makers = {
        "grant": _grant,
        "default_privileges": _defaults,
        "policy": _policy,
        "table": _table,
        "function": _routine,
        "procedure": _routine,
        "owner": _owner,
        "role": _role,
        "membership": _membership,
        "view": _view,
    }
    found: list[Finding] = []
    for key in changed:
        for code, severity, message, attribute in makers.get(key.kind, _acting)(before, after, key):
            found.append(Finding(code, severity, message, _named(key), attribute, where=place(key), source="review"))
    return found


Told = Iterator[tuple[str, str, str, str]]


def _named(key: Key) -> str:
    return str(object_of(key)) if key.kind in (OF_OBJECT - {"security_label"}) else str(key)


def _who(role: str) -> str:
    return "everybody (PUBLIC)" if role == PUBLIC else role


def _grant(before: Catalog, after: Catalog, key: Key) -> Told:
    target, grantee = object_of(key), key.name[-1]
    was, now = _privileges(before, key), _privileges(after, key)
    there = target in before.rows or target.kind in ("database", "language")
    more = sorted(name for name in now if name not in was)
    passed = sorted(name for name, option in now.items() if option and not was.get(name))
    less = sorted(name for name in was if name not in now)
    severity = ERROR if grantee == PUBLIC and there else WARNING
    if more:
        yield "grant_wider", severity, f"{_who(grantee)} may {_words(more)} on {target}", grantee
    if passed:
        yield "grant_option", WARNING, f"{_who(grantee)} may pass {_words(passed)} on {target} on to others", grantee
    if less and (target in after.rows or target.kind in ("database", "language")):
        yield "grant_narrower", INFO, f"{_who(grantee)} may no longer {_words(less)} on {target}", grantee


def _words(privileges: list[str]) -> str:
    return ", ".join(privileges)


def _privileges(catalog: Catalog, key: Key) -> dict[str, bool]:
    if key in catalog.rows:
        return read(catalog[key].privileges)
    target, grantee = object_of(key), key.name[-1]
    if target.kind not in ("database", "language") and target not in catalog.rows:
        return {}
    owner = catalog.rows.get(Key("owner", (target.kind, *target.name)))
    if grantee == PUBLIC:
        return open_to_all(target.kind)
    return own(target.kind, catalog.version) if owner and owner[0] == grantee else {}


def _defaults(before: Catalog, after: Catalog, key: Key) -> Told:
    was, now = (read(one[key].privileges) if key in one.rows else {} for one in (before, after))
    more = sorted(name for name in now if name not in was)
    if more:
        role, schema, objects, grantee = key.name
        place = f" in schema {schema}" if schema else ""
        what = f"{_who(grantee)} will have {_words(more)} on the {objects} that {role} creates{place}"
        yield "grant_wider", ERROR if grantee == PUBLIC else WARNING, what, grantee


def _policy(before: Catalog, after: Catalog, key: Key) -> Told:
    was, now = before.get(key), after.get(key)
    table = Key("table", key.name[:2])
    if table not in after.rows or table not in before.rows:
        if now is not None and now.permissive and _always(now.using) and now.command in ("all", "select"):
            yield "policy", WARNING, f"{key} lets {_roles(now)} see every row", ""
        return
    if now is None and was is not None:
        lost = "rows that it held back are seen" if not was.permissive else f"{_roles(was)} may see fewer rows"
        yield "policy_dropped", WARNING if was.permissive else ERROR, f"{key} goes: {lost}", ""
    elif was is None and now is not None:
        if now.permissive:
            yield "policy", WARNING, f"{key} lets {_roles(now)} {_does(now)}{_where(now)}", ""
        else:
            yield "policy", INFO, f"{key} holds rows back from {_roles(now)}{_where(now)}", ""
    elif was is not None and now is not None and (fields := differing_fields(was, now)) != ["comment"]:
        worst = ERROR if not was.permissive and now.permissive else WARNING
        said = ", ".join(name.replace("_", " ") for name in fields if name != "comment")
        yield "policy", worst, f"{key} changes ({said}): it now lets {_roles(now)} {_does(now)}{_where(now)}", ""


def _always(text: str | None) -> bool:
    return text is None or text.strip().lower() in ("true", "(true)")


def _roles(policy: object) -> str:
    roles = list(getattr(policy, "roles", ()))
    return ", ".join(map(_who, roles)) if roles else _who(PUBLIC)


def _does(policy: object) -> str:
    command = str(getattr(policy, "command", ""))
    return {"all": "read and write", "select": "read"}.get(command, command) + " rows"


def _where(policy: object) -> str:
    parts = [("using", getattr(policy, "using", None)), ("with check", getattr(policy, "with_check", None))]
    told = [f"{word} {text}" for word, text in parts if text is not None]
    return f": {', '.join(told)}" if told else ""


def _table(before: Catalog, after: Catalog, key: Key) -> Told:
    was, now = before.get(key), after.get(key)
    if was is None or now is None:
        return
    if was.row_security and not now.row_security:
        yield (
            "row_security_off",
            ERROR,
            f"row level security of {key} is switched off: whoever may read it sees all rows",
            "",
        )
    elif was.force_row_security and not now.force_row_security:
        yield (
            "row_security_off",
            WARNING,
            f"row level security of {key} is no longer forced: its owner sees all rows",
            "",
        )
    elif now.row_security and not was.row_security and not after.of("policy", *key.name):
        yield (
            "row_security_on",
            WARNING,
            f"row level security of {key} is switched on without a policy: only its owner sees rows",
            "",
        )


def _routine(before: Catalog, after: Catalog, key: Key) -> Told:
    was, now = before.get(key), after.get(key)
    if now is None or not _definer(now.definition):
        return
    path = "" if _PATH.search(now.definition) else ", with the search_path of whoever calls it"
    if was is None or not _definer(was.definition):
        yield "security_definer", ERROR if path else WARNING, f"{key} runs with the rights of its owner{path}", ""
    elif was.definition != now.definition:
        yield (
            "security_definer",
            ERROR if path else WARNING,
            f"{key}, which runs with the rights of its owner{path}, changes",
            "",
        )


def _definer(definition: str) -> bool:
    head = definition.split("\nAS ", 1)[0]
    return bool(_DEFINER.search(head))


def _owner(before: Catalog, after: Catalog, key: Key) -> Told:
    target = object_of(key)
    if key in after.rows and target in before.rows:
        old = before.get(key)
        since = f" instead of {old.role}" if old else ""
        yield (
            "owner",
            WARNING,
            f"{target} belongs to {after.value(key, 'role')}{since}, who may do everything with it",
            "",
        )


def _role(before: Catalog, after: Catalog, key: Key) -> Told:
    now, was = after.get(key), before.get(key)
    if now is None:
        yield "role_dropped", WARNING, f"{key} goes", ""
        return
    gained = [name for name in _ATTRIBUTES if getattr(now, name) and not (was and getattr(was, name))]
    for name in gained:
        yield "role", _ATTRIBUTES[name], f"{key} gets {name.upper().replace('_', '')}", name
    if was is None and not gained:
        yield "role", INFO, f"{key} is new", ""


def _membership(before: Catalog, after: Catalog, key: Key) -> Told:
    group, member = key.name
    now, was = after.get(key), before.get(key)
    if now is None:
        yield "membership", INFO, f"{member} leaves {group}", ""
        return
    powerful = group.startswith("pg_") or bool((role := after.get(Key("role", (group,)))) and role.superuser)
    more = ", and may let others in" if now.admin and not (was and was.admin) else ""
    yield "membership", ERROR if powerful else WARNING, f"{member} has the rights of {group}{more}", ""


def _view(before: Catalog, after: Catalog, key: Key) -> Told:
    was, now = before.get(key), after.get(key)
    if was is None or now is None:
        return
    for name, why in _VIEW_OPTIONS.items():
        if _on(was.options, name) and not _on(now.options, name):
            yield "view_open", ERROR, f"{key} loses {name}: {why}", name


def _on(options: list[str] | None, name: str) -> bool:
    said = dict(one.split("=", 1) for one in options or () if "=" in one)
    return said.get(name, "false").lower() in ("true", "on", "yes", "1")


def _acting(before: Catalog, after: Catalog, key: Key) -> Told:
    if key.kind in _ACTS and key in after.rows and key not in before.rows:
        yield "acts", WARNING if key.kind != "extension" else INFO, f"{key} is new: {_ACTS[key.kind]}", ""
