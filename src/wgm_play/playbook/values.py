"""Values of a playbook rendered by Jinja, in its sandbox.

In: a value as loaded, a scope of variables. Out: the value with every text that holds `{{`, `{%` or `{#` rendered: one
that is exactly one `{{ expression }}` gives that expression's value with its type, every other gives a text. What came
from the process environment is a `Secret` afterwards. Nothing is rendered twice.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.document.nodes import Map, Seq, Text, key_position, position_of
from wgm_play.errors import InputError, Position, Unset, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.schema_rules import is_template, nearest
from wgm_play.playbook.variables import Environ, Pending, Scope, SecretText, Unknown
from wgm_play.secret import Secret

if TYPE_CHECKING:
    from wgm_play.sandbox import Sandbox

JINJA_HINT = "close every {{ with }} and every {% with %}, and what lies between is an expression"
_ENVIRONMENT_MISSING = "the environment variable %r is not set"


def jinja_hint(message: str) -> str:
    """Return what to do about an error of syntax: the nearest filter or test where one is not known."""
    found = re.fullmatch(r"No (filter|test) named '(.*)'\.", message)
    if found is None:
        return JINJA_HINT
    from wgm_play.playbook.foreign_words import instead

    words = [
        word
        for word in (jinja().filters if found[1] == "filter" else jinja().tests)
        if word.isidentifier() and word[0] != "_"
    ]
    return (
        instead(found[1], found[2])
        or nearest(found[2], words)
        or f"there are those of Jinja: {', '.join(sorted(words)[:8])}, ..."
    )


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template or expression: the names that it reads, and the function that renders it from their values."""

    names: frozenset[str]
    run: Callable[[dict[str, Any]], Any]


@functools.cache
def jinja() -> Sandbox:
    """Return the Jinja environment for values: sandboxed, where an unknown name is an error."""
    from jinja2 import StrictUndefined

    from wgm_play.sandbox import Sandbox

    class Missing(StrictUndefined):
        """An unknown name; one of `env` says that the environment variable is not set."""

        @property
        def _undefined_message(self) -> str:
            if isinstance(self._undefined_obj, Environ):
                return _ENVIRONMENT_MISSING % self._undefined_name
            return super()._undefined_message

    class Values(Sandbox):
        """The sandbox in which `env` is the process environment."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            return self.getitem(obj, attribute) if isinstance(obj, Environ) else super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, Environ):
                try:
                    return obj[argument]
                except KeyError:
                    return self.undefined(obj=obj, name=argument)
            return super().getitem(obj, argument)

    made = Values(undefined=Missing, autoescape=False, keep_trailing_newline=True)
    made.tests.update(changed=_is("changed"), skipped=_is("skipped"), failed=_never, succeeded=_always, success=_always)
    made.filters["bool"] = _bool
    return made


def _is(what: str) -> Callable[[Any], bool]:
    """Return the test of what a step registered: `NAME is changed`."""

    def test(value: Any) -> bool:
        if not isinstance(value, Mapping) or what not in value:
            raise InputError(
                f"`is {what}` asks a variable that a step registers", hint="write `register: NAME` in that step"
            )
        return bool(value[what])

    return test


def _never(value: Any) -> bool:
    return False  # a step that fails ends the run: no later one asks


def _always(value: Any) -> bool:
    return True


def _bool(value: Any) -> bool:
    """Return what Ansible's filter makes of a value: a word that means true is true, every other value is not."""
    return (
        value.strip().lower() in ("true", "yes", "on", "1", "t", "y") if isinstance(value, str) else value in (1, True)
    )


class Lookup:
    """`lookup('env', 'NAME')`, which Ansible's users write for `env.NAME`."""

    def __init__(self, environ: Environ) -> None:
        self.environ = environ

    def __call__(self, what: str, name: str = "", default: Any = None) -> Any:
        if str(what).removeprefix("ansible.builtin.") != "env":
            raise InputError(
                f"lookup({what!r}, ...) is not known",
                hint="lookup('env', 'NAME'), or `env.NAME`, reads the process environment",
            )
        try:
            return self.environ[name]
        except KeyError:
            return jinja().undefined(obj=self.environ, name=name) if default is None else default


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> Compiled:
    """Compile a text; one that is exactly one `{{ expression }}` keeps its type."""
    from jinja2 import meta, nodes

    parsed = jinja().parse(text)
    names = frozenset(meta.find_undeclared_variables(parsed))
    body = parsed.body
    if len(body) == 1 and isinstance(body[0], nodes.Output) and len(body[0].nodes) == 1:
        only = body[0].nodes[0]
        if not isinstance(only, nodes.TemplateData) and text.startswith("{{") and text.endswith("}}"):
            inner = text[2:-2].removeprefix("-").removesuffix("-")
            expression = jinja().compile_expression(inner, undefined_to_none=False)
            return Compiled(names, expression)
    template = jinja().from_string(text)
    return Compiled(names, functools.partial(_in_bounds, template.render) if "{%" in text else template.render)


def _in_bounds(render: Callable[[dict[str, Any]], str], values: dict[str, Any]) -> str:
    """Render a template that may hold loops."""
    from wgm_play.sandbox import bounded

    return str(bounded(lambda: render(values)))


@functools.lru_cache(maxsize=4096)
def _condition(text: str) -> Compiled:
    from jinja2 import meta

    names = frozenset(meta.find_undeclared_variables(jinja().parse("{{ (" + text + "\n) }}")))
    expression = jinja().compile_expression(text, undefined_to_none=False)
    return Compiled(names, expression)


def names_in(text: str, *, condition: bool = False) -> frozenset[str]:
    """Return the names that a text, or a condition, reads; none where it is no Jinja."""
    from jinja2 import TemplateError, meta

    from wgm_play.render import environment as of_templates

    source = "{{ (" + text + "\n) }}" if condition else text
    for environment in (jinja(), of_templates()):
        try:
            return frozenset(meta.find_undeclared_variables(environment.parse(source)))
        except TemplateError:
            continue
    return frozenset()


def render_value(value: Any, scope: Scope, where: Position | None = None) -> Any:
    """Render all texts in a value; what holds none is returned as it is."""
    if isinstance(value, str):
        return render_text(value, scope, where) if is_template(value) else value
    if not holds_template(value):
        return value
    if isinstance(value, Mapping):
        return _mapping(value, scope, where)
    made = Seq(position_of(value) or where)
    for number, one in enumerate(value):
        at = position_of(value, number) or where
        made.append(render_value(one, scope, at))
        made.item_places.append(at or 0)
    return made


def _mapping(value: Mapping[str, Any], scope: Scope, where: Position | None) -> Map:
    made = Map(position_of(value) or where)
    for key, one in value.items():
        if is_template(key):
            at = key_position(value, key)
            raise InputError(f"the key {key!r} is not rendered", where=at, hint="only values are: name it outright")
        made[key] = render_value(one, scope, position_of(value, key) or where)
    if isinstance(value, Map):
        made.key_places, made.value_places = value.key_places, value.value_places
    return made


def holds_template(value: Any) -> bool:
    """Return whether any text in a value is to be rendered."""
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, dict):
        return any(one.__class__ is not int and holds_template(one) for one in value.values()) or any(
            is_template(key) for key in value
        )
    if isinstance(value, list):
        return any(holds_template(one) for one in value)
    return False


def render_text(text: str, scope: Scope, where: Position | None) -> Any:
    """Render one text; errors point to it."""
    result, secret = run(_compiled, text, scope, position_of(text) or where)
    if isinstance(result, str):
        return _text(result, text, secret, where)
    return _plain(result, secret, where)


def _text(result: str, source: Any, secret: bool, where: Position | None) -> str:
    position = position_of(source) or where
    if secret:
        made = SecretText(result)
        made.position = position
        return made
    indent = source.indent if isinstance(source, Text) else 0
    return Text(result, position, indent)


def _plain(result: Any, secret: bool, where: Position | None) -> Any:
    """Return a value of YAML for what an expression yields."""
    if result is None or isinstance(result, (bool, int, float)):
        return result
    if isinstance(result, str):
        return _text(result, "", secret, where)
    if isinstance(result, Environ):
        raise InputError("'env' is not a value", where=where, hint="name the variable: env.NAME")
    if isinstance(result, Map) and not secret:
        return result
    if isinstance(result, Mapping):
        made = Map(position_of(result) or where)
        for key, one in result.items():
            made.put(str(key), _plain(one, secret, where), where, where)
        return made
    if isinstance(result, Seq) and not secret:
        return result
    if isinstance(result, (list, tuple, set, frozenset, Iterator)):
        sequence = Seq(where)
        for one in result:
            sequence.append(_plain(one, secret, where))
            sequence.item_places.append(where or 0)
        return sequence
    raise InputError(
        f"the expression yields {type(result).__name__}, which is no value",
        where=where,
        hint="yield a text, a number, a list or a mapping",
    )


def truth(condition: Any, scope: Scope, where: Position | None) -> bool:
    """Return whether a `when` holds: true, false, an expression, or a list of them that must all hold."""
    if isinstance(condition, bool):
        return condition
    if isinstance(condition, list):
        return all(truth(one, scope, position_of(condition, number) or where) for number, one in enumerate(condition))
    text = str(condition)
    if "{{" in text or "{%" in text:
        raise InputError(
            "`when` is an expression already", where=position_of(condition) or where, hint="write it without braces"
        )
    if not text.strip():
        raise InputError("`when` is empty", where=position_of(condition) or where, hint="remove it")
    result, _ = run(_condition, text, scope, position_of(condition) or where)
    return bool(result)


def run(compile_: Callable[[str], Compiled], text: str, scope: Scope, where: Position | None) -> tuple[Any, bool]:
    """Evaluate a text; return its value, and whether something secret went into it."""
    from jinja2 import TemplateSyntaxError, UndefinedError

    try:
        compiled = compile_(str.__str__(text))
        values, secret = values_for(compiled.names, scope)
        environ = scope.root.environ
        before, environ.touched = environ.touched, False
        try:
            result = compiled.run(values)
            _settle(result)
            _bound(result)
        finally:
            touched, environ.touched = environ.touched, before or environ.touched
        return result, secret or touched
    except WgmError as error:
        error.where = error.where or where
        raise
    except TemplateSyntaxError as error:
        raise InputError(
            f"Jinja syntax: {error.message}",
            where=_line(where, error.lineno, text),
            hint=jinja_hint(str(error.message)),
        ) from None
    except UndefinedError as error:
        raise undefined(str(error), scope, where) from None
    except RecursionError:
        raise InputError("a variable is made of itself, or nested too deep", where=where) from None
    except Exception as error:
        if isinstance(error, Pending):
            raise
        shown = str(error) or type(error).__name__
        hint = getattr(error, "hint", None)
        raise InputError(f"the expression cannot be evaluated: {shown}", where=where, hint=hint) from error


def _settle(result: Any) -> None:
    """Raise now for an unknown name that was yielded as the whole value."""
    from jinja2 import Undefined

    if isinstance(result, Undefined):
        str(result)


def _bound(result: Any) -> None:
    """Refuse a text that texts without bound would be made of."""
    if isinstance(result, str) and len(result) > 1_000_000:
        from wgm_play.sandbox import LONGEST, Unbounded

        if len(result) > LONGEST:
            raise Unbounded("a text without bound")


def _line(where: Position | None, line: int, text: str) -> Position | None:
    """Return the line of a literal block that an error is in."""
    if isinstance(text, Text) and text.indent and line > 1:
        return text.line_at(line - 1)
    return where


_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_NO_ATTRIBUTE = re.compile(r"(?:(\w+) object'?|None) has no (?:attribute|element) '?(\w+)'?")
_CALLED = {"Map": "the mapping", "dict": "the mapping", "Seq": "the list", "list": "the list", "str": "the text"}


def undefined(message: str, scope: Scope, where: Position | None) -> InputError:
    """Make the error for an unknown name."""
    if message.startswith("the environment variable"):
        name = message.split("'")[1]
        return Unset(name, message, where=where, hint=f"export {name}=..., or write env.{name} | default('...')")
    found = _UNDEFINED.search(message)
    if found:
        name = found.group(1)
        from wgm_play.playbook.foreign_words import instead

        hint = (
            instead("variable", name)
            or nearest(name, sorted(scope.names()))
            or "set it in `vars`, in the environment, or with -e"
        )
        return InputError(f"unknown variable {name!r}", where=where, hint=hint)
    found = _NO_ATTRIBUTE.search(message)
    if found is None:
        return InputError(f"unknown variable: {message}", where=where)
    holder = _CALLED.get(found.group(1) or "", "the value")
    hint = "write what is there, or add | default('...')"
    return InputError(f"{holder} has no {found.group(2)!r}", where=where, hint=hint)


def values_for(names: frozenset[str], scope: Scope) -> tuple[dict[str, Any], bool]:
    """Return the values of names as Jinja gets them (secrets as plain texts), and whether one of them is secret."""
    values: dict[str, Any] = {}
    secret = False
    for name in names:
        try:
            value = scope.lookup(name)
        except Unknown:
            if name == "lookup":
                values[name] = Lookup(scope.root.environ)
            continue
        if not isinstance(value, (bool, int, float, Environ)) and holds_secret(value):
            secret = True
            value = revealed(value)
        values[name] = value
    return values, secret


def holds_secret(value: Any) -> bool:
    """Return whether a value is or holds a secret."""
    if isinstance(value, str):
        return isinstance(value, Secret)
    if isinstance(value, Mapping):
        return not isinstance(value, Environ) and any(holds_secret(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_secret(one) for one in value)
    return False


def revealed(value: Any) -> Any:
    """Return a value with its secrets as plain texts: for evaluation only."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {key: revealed(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(one) for one in value]
    return value
