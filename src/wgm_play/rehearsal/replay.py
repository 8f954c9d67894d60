"""A load beside a rehearsed run: a pgbench script, or the statements that production runs most; its longest stall, its failures.

In: `--replay FILE` or `--replay top`, a copy of production. Out: `Replayed`: how long a transaction waited at most and what failed that
did not fail before the run.
"""

from __future__ import annotations

import ast
import operator
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position, Refused, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted, format_duration
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import Sql

TOP = "top"
CLIENTS = 4
# So long the load runs before the run, to know how it is without it, and after it.
BEFORE_SECONDS, AFTER_SECONDS = 1.0, 0.5
# A client that fails waits, so that a broken script is no busy loop.
PAUSE_SECONDS = 0.02
SHOWN = 120
_STATEMENTS = re.compile(r"\s*(select|insert|update|delete|with|values)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\$(\d+)")
_VARIABLE = re.compile(r"(?<!:):([A-Za-z_]\w*)")
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.Div: lambda one, other: one // other if isinstance(one, int) and isinstance(other, int) else one / other,
}
# Other distributions of pgbench are taken as even ones: a stall is the same.
_RANDOM = ("random", "random_gaussian", "random_exponential", "random_zipfian")
_SLEEP = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line of a script: SQL, `\\set` (a name and an expression) or `\\sleep` (seconds)."""

    kind: str
    text: str
    name: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class LoadScript:
    """What one transaction of the load does; `weight` says how often beside the others. `parameters` of a prepared statement."""

    name: str
    lines: tuple[ScriptLine, ...]
    weight: float = 1.0
    parameters: int | None = None


@dataclass(slots=True)
class Replayed:
    """What a load met: transactions, the longest before and during the run, what the longest was, failures by what they said."""

    done: int = 0
    usual: float = 0.0
    longest: float = 0.0
    script: str = ""
    failures: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Tell it in one line."""
        failed = sum(self.failures.values())
        return (
            f"under load: {counted(self.done, 'transaction')}, the longest stall {format_duration(self.longest)}"
            f" (before the run {format_duration(self.usual)}), {failed} failed"
            + (f"; longest: {self.script}" if self.script else "")
        )

    def data(self) -> dict[str, Any]:
        """Return it for the certificate."""
        return {
            "transactions": self.done,
            "longest": round(self.longest, 4),
            "before": round(self.usual, 4),
            "failed": sum(self.failures.values()),
            "failures": dict(self.failures),
            "left_out": self.left_out,
        }


# What is replayed --------------------------------------------------------------------------------------------------------


def read(path: Path) -> LoadScript:
    """Return a pgbench script. Raise `InputError` with the line that is not understood."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read: {error}", hint="--replay FILE: a pgbench script, or `top`"
        ) from error
    lines: list[ScriptLine] = []
    pending, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not pending and stripped.startswith("\\"):
            lines.append(_command(stripped, Position(str(path), number, 1)))
        elif stripped and not (stripped.startswith("--") and not pending):
            began = began if pending else number
            pending += line + "\n"
            if stripped.endswith(";"):
                lines.append(ScriptLine("sql", pending.strip().rstrip(";"), number=began))
                pending = ""
    if pending.strip():
        lines.append(ScriptLine("sql", pending.strip(), number=began))
    if not any(one.kind == "sql" for one in lines):
        raise InputError(f"{str(path)!r} holds no statement", hint="--replay FILE: a pgbench script")
    return LoadScript(path.name, tuple(lines))


def _command(text: str, where: Position) -> ScriptLine:
    word, _, rest = text.partition(" ")
    if word == "\\set":
        name, _, expression = rest.strip().partition(" ")
        _evaluate(_as_python(expression), where, {found: 1 for found in _VARIABLE.findall(expression)})
        return ScriptLine("set", expression.strip(), name, where.line or 0)
    if word == "\\sleep":
        found = re.fullmatch(r"(\d+)\s*(us|ms|s)?", rest.strip())
        if found:
            return ScriptLine("sleep", str(int(found[1]) * _SLEEP[found[2] or "s"]))
    raise InputError(f"{word} is not replayed", where=where, hint="what a script may hold here: SQL, \\set, \\sleep")


def _as_python(expression: str) -> str:
    return _VARIABLE.sub(r"\1", expression).strip()


def _evaluate(text: str, where: Position, known: Mapping[str, Any]) -> Any:
    """Return the value of an expression of `\\set`: numbers, variables, + - * / %, and random ones."""

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.Constant(value=int() | float()):
                return node.value
            case ast.Name(id=name) if name in known:
                return known[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=[low, high, *_]) if name in _RANDOM:
                one, other = int(value(low)), int(value(high))
                return random.randint(one, max(one, other))  # noqa: S311 - a load, no secret
        raise InputError(f"the expression {text!r} is not understood", where=where, hint="\\set NAME random(1, 100000)")

    try:
        return value(ast.parse(text, mode="eval"))
    except SyntaxError as error:
        raise InputError(
            f"the expression {text!r} is not understood", where=where, hint="\\set NAME random(1, 100000)"
        ) from error
    except ZeroDivisionError:
        return 0


def top(session: Any) -> list[LoadScript]:
    """Return the statements that production spends most time on, as pg_stat_statements has them. Raise `Refused`.

    Their parameters are NULL on the copy: so they take the locks that they take in production, on whatever rows.
    """
    import psycopg

    why, rows = "pg_stat_statements is not there", []
    try:
        with session.transaction():
            place = session.execute(render("rehearsal/where_statements.sql.j2").sql).fetchone()
            if place is not None:
                rows = session.execute(render("rehearsal/top_queries.sql.j2", schema=place[0]).sql).fetchall()
                why = ""
    except psycopg.Error as error:
        why = error.diag.message_primary or "the server refuses it"
    if why:
        raise Refused(
            f"the statements of production cannot be asked for: {why}",
            hint="CREATE EXTENSION pg_stat_statements, and GRANT pg_read_all_stats; or --replay FILE, a pgbench script",
        )
    found = []
    for text, calls in rows:
        if _STATEMENTS.match(text):
            parameters = max((int(one) for one in _PARAMETER.findall(text)), default=0)
            found.append(
                LoadScript(" ".join(text.split())[:SHOWN], (ScriptLine("sql", text),), float(calls), parameters)
            )
    if not found:
        raise Refused(
            "pg_stat_statements holds no statement of this database yet", hint="--replay FILE: a pgbench script"
        )
    return found


# The load ----------------------------------------------------------------------------------------------------------------


class Load:
    """Clients that run scripts until the block ends; what failed before `began` is left out."""

    def __init__(self, url: str, scripts: Sequence[LoadScript], clients: int = CLIENTS) -> None:
        self.url, self.clients = url, clients
        self.found = Replayed()
        self.scripts = [one for one in scripts if self._works(one)]
        if not self.scripts:
            raise Refused("nothing of the load works before the run", details=self.found.left_out)
        self._over, self._running = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._client, name=f"load {n}", daemon=True) for n in range(clients)]

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        time.sleep(BEFORE_SECONDS)
        self._running.set()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            time.sleep(AFTER_SECONDS)
        self._over.set()
        for one in self._threads:
            one.join()

    def _works(self, script: LoadScript) -> bool:
        """Tell whether a script goes through before the run; keep why one does not."""
        import psycopg

        with self._session() as session:
            try:
                _once(session, script, set())
                return True
            except psycopg.Error as error:
                self.found.left_out.append(f"{script.name}: {_said(error)}")
                return False

    def _session(self) -> Any:
        from wgm_play.backup import target

        return target.connect(self.url, "wgm-play load")

    def _client(self) -> None:
        import psycopg

        while not self._over.is_set():
            try:
                with self._session() as session:
                    self._transactions(session)
            except (psycopg.Error, Unreachable):
                self._over.wait(PAUSE_SECONDS)  # the connection was ended: another one is made

    def _transactions(self, session: Any) -> None:
        import psycopg

        prepared: set[str] = set()
        weights = [one.weight for one in self.scripts]
        while not self._over.is_set():
            [script] = random.choices(self.scripts, weights)  # noqa: S311 - a load, no secret
            running, began = self._running.is_set(), time.monotonic()
            try:
                _once(session, script, prepared)
                self._note(script, time.monotonic() - began, running)
            except psycopg.Error as error:
                if running:
                    self._note(script, time.monotonic() - began, running, f"{_said(error)}: {script.name}")
                if session.closed:
                    raise
                session.rollback()
                self._over.wait(PAUSE_SECONDS)

    def _note(self, script: LoadScript, seconds: float, running: bool, failed: str = "") -> None:
        with self._guard:
            found = self.found
            if not (running or self._running.is_set()):
                found.usual = max(found.usual, seconds)
                return
            found.done += not failed
            if failed:
                found.failures[failed] += 1
            if seconds > found.longest:
                found.longest, found.script = seconds, script.name


def _once(session: Any, script: LoadScript, prepared: set[str]) -> None:
    """Run one transaction of a script."""
    if script.parameters is not None:
        _execute(session, script, prepared)
        return
    known: dict[str, Any] = {"scale": 1, "client_id": 0}
    for line in script.lines:
        if line.kind == "set":
            known[line.name] = _evaluate(_as_python(line.text), Position(script.name, line.number, 1), known)
        elif line.kind == "sleep":
            time.sleep(float(line.text))
        else:
            text = _VARIABLE.sub(lambda found: str(known.get(found[1], found[0])), line.text)
            session.execute(text.encode())


def _execute(session: Any, script: LoadScript, prepared: set[str]) -> None:
    """Run a statement with NULL for its parameters; it is planned anew where what it returns has changed."""
    import psycopg

    name = f"load_{abs(hash(script.lines[0].text))}"
    values = [Sql("NULL")] * (script.parameters or 0)
    for again in (False, True):
        if name not in prepared:
            session.execute(
                render("rehearsal/prepare.sql.j2", name=name, statement=Sql(script.lines[0].text)).sql.encode()
            )
            prepared.add(name)
        try:
            session.execute(render("rehearsal/execute.sql.j2", name=name, values=values).sql.encode())
            return
        except psycopg.errors.FeatureNotSupported:  # a plan that was kept must not change what it returns
            if again:
                raise
            session.execute(render("rehearsal/deallocate.sql.j2", name=name).sql.encode())
            prepared.discard(name)


def _said(error: Any) -> str:
    return mask(error.diag.message_primary or str(error).strip().partition("\n")[0])
