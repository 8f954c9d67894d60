"""Jinja's sandbox for what users write, which also refuses results without bound.

In: nothing. Out: `Sandbox`. A playbook is read by whoever reviews it, and by programs: none of its expressions may eat
the memory or the time of the machine. The sandbox sees the operators, calls and filters that can make much of little.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import FilterArgumentError, SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

# A text or list made by an expression; more is a mistake, or an attempt to exhaust memory.
LONGEST = 10_000_000
LONGEST_RANGE = 100_000
# What one template may do: pass through its loops, take memory and time.
MOST_PASSES = 100_000
MOST_BYTES = 64 * 1024 * 1024
MOST_SECONDS = 10
# Methods and filters that make as much as a number says.
_MAKING = frozenset(
    ("batch", "center", "expandtabs", "indent", "ljust", "rjust", "slice", "to_bytes", "tojson", "wordwrap", "zfill")
)
# The widths and precisions of a format, as %0999d, {:>999} or %.999f.
_WIDTH = re.compile(r"\d{5,}")


class Unbounded(SecurityError):
    """An expression whose result, or whose work, would be without bound; `hint` says what is allowed."""

    hint = f"a text has at most {LONGEST:,} characters, a range {LONGEST_RANGE:,} numbers: make it in smaller parts"


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with bounds."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        del self.globals["lipsum"]
        self.globals["range"] = _range
        self.filters["dict2items"] = _as_items
        self.filters["_passes"] = _passes
        self.filters.update({name: _bounded(name, function) for name, function in self.filters.items()})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse a template so that the passes of its loops are counted."""
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = nodes.Filter(loop.iter, "_passes", [], [], None, None, lineno=loop.lineno)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute what Jinja's `*`, `**` and `%` stand for, unless that is without bound."""
        if operator == "**" and (abs(right) > 1000 or abs(left) > 10**9):
            raise Unbounded("a power without bound")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (str, list, tuple)) and isinstance(other, int):
                    _bound(len(one) * other, "a repetition")
        if operator == "%" and isinstance(left, str):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, obj: Any, /, *given: Any, **named: Any) -> Any:
        """Call a function or method, unless its result would be without bound."""
        # The sandbox wraps `format`.
        value = getattr(getattr(obj, "__wrapped__", obj), "__self__", None)
        if isinstance(value, (str, int)):
            _check(getattr(obj, "__name__", ""), value, (*given, *named.values()))
        return super().call(context, obj, *given, **named)


_passed = [0]


def _passes(values: Iterable[Any]) -> Iterator[Any]:
    """Yield what a loop passes through, unless all loops of a template together make too many passes."""
    for value in values:
        _passed[0] += 1
        if _passed[0] > MOST_PASSES:
            raise _told(f"its loops make more than {MOST_PASSES:,} passes")
        yield value


def bounded(render: Callable[[], Any]) -> Any:
    """Render a template; raise `Unbounded` where it makes too many passes, or takes too much memory or time."""
    import signal
    import threading

    def ring(number: int, frame: Any) -> None:
        raise _told(f"it takes longer than {MOST_SECONDS} seconds")

    _passed[0] = 0
    if threading.current_thread() is not threading.main_thread():
        return render()
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(MOST_SECONDS)
    try:
        with _within_memory():
            return render()
    except MemoryError:
        raise _told(f"it takes more than {MOST_BYTES // 1024 // 1024} MB") from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _told(what: str) -> Unbounded:
    late = Unbounded(what)
    late.hint = "loop over less, make less of it"
    return late


@contextmanager
def _within_memory() -> Iterator[None]:
    """Let this process grow by no more than a template may take, where the system tells how large it is."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        yield
        return
    limit = size + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft < 0 else min(limit, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _range(*given: int) -> range:
    """Return a range, unless it is too long."""
    made = range(*given)
    try:
        length = len(made)
    except OverflowError:
        length = LONGEST_RANGE + 1
    if length > LONGEST_RANGE:
        raise Unbounded(f"a range of more than {LONGEST_RANGE:,} numbers")
    return made


def _as_items(value: Any) -> list[dict[str, Any]]:
    """Return the entries of a mapping as Ansible's filter does: `{key: …, value: …}` for each."""
    if not isinstance(value, Mapping):
        raise FilterArgumentError(f"dict2items wants a mapping, not {type(value).__name__}")
    return [{"key": key, "value": one} for key, one in value.items()]


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that looks at its value and arguments before it works."""
    # A filter may get Jinja's context, environment or evaluation context before its value.
    skip = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def checked(*given: Any, **named: Any) -> Any:
        if len(given) > skip:
            _check(name, given[skip], (*given[skip + 1 :], *named.values()))
        return function(*given, **named)

    return checked


def _check(name: str, value: Any, given: tuple[Any, ...]) -> None:
    """Refuse a method or filter of a value that would make too much of it."""
    if name in ("format", "format_map") and isinstance(value, str):
        _check_format(value, given)
    if name in _MAKING:
        parts = 1 + (value.count("\n") + value.count("\t") if isinstance(value, str) else 0)
        for one in given:
            _bound(abs(one) * parts if isinstance(one, int) else 0, f"{name!r}")
    texts = [one for one in given if isinstance(one, str)]
    if name == "replace" and len(texts) > 1:
        _bound(str(value).count(texts[0]) * len(texts[1]), "a replacement")
    if name == "join":
        _check_join(value, given)


def _check_join(value: Any, given: tuple[Any, ...]) -> None:
    """Refuse a long text between many parts: the method's value is the text, the filter's the parts."""
    separator, parts = (
        (value, given[0] if given else ()) if isinstance(value, str) else (given[0] if given else "", value)
    )
    if isinstance(separator, str) and hasattr(parts, "__len__"):
        _bound(len(parts) * len(separator), "a join")


def _check_format(text: str, given: Iterable[Any]) -> None:
    """Refuse widths and precisions without bound, also those that `*` and `{}` take from the arguments."""
    if _WIDTH.search(text) or any(isinstance(one, int) and abs(one) > LONGEST for one in given if "*" in text):
        raise Unbounded("a format without bound")
    if re.search(r"\{[^{}]*\{", text):
        raise Unbounded("a format whose width is an argument")


def _bound(length: int, what: str) -> None:
    if length > LONGEST:
        raise Unbounded(f"{what} without bound")
