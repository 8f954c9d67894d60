"""PL/pgSQL bodies to fragments: every piece of static SQL in a body, with its line and the variables it may see.

In: the source of a function that PostgreSQL has accepted. Out: `ParsedBody`, its `Fragment`s in order.

Only the structure of the language is read here (blocks, loops, INTO, USING); the SQL itself is left to the server.
The tokens come from libpg_query's scanner. Its own PL/pgSQL parser is not used: it knows no types outside
`pg_catalog` and `public`, and does not say which block declares a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field

from wgm_play.lazy_dataclass import dataclass

_OPENING, _CLOSING = ("(", "["), (")", "]")
# Variables that exist in every trigger function (manual: "Trigger Functions").
TRIGGER_VARIABLES = {
    "tg_name": "name",
    "tg_when": "text",
    "tg_level": "text",
    "tg_op": "text",
    "tg_relid": "oid",
    "tg_relname": "name",
    "tg_table_name": "name",
    "tg_table_schema": "name",
    "tg_nargs": "integer",
    "tg_argv": "text[]",
}
EVENT_TRIGGER_VARIABLES = {"tg_event": "text", "tg_tag": "text"}
# A trigger function that reads one of these may treat its tables differently.
TABLE_NAMES = frozenset({"tg_relid", "tg_relname", "tg_table_name", "tg_table_schema", "tg_argv", "tg_name"})
_MISSING_OBJECT_CONDITIONS = frozenset(
    {"undefined_table", "undefined_column", "undefined_function", "undefined_object", "invalid_schema_name"}
)
_MISSING_OBJECT_STATES = frozenset({"42p01", "42703", "42883", "42704", "3f000"})

# Statements that the reader knows; every other one is SQL.
_STATEMENTS = frozenset(
    {
        "if",
        "case",
        "loop",
        "while",
        "for",
        "foreach",
        "exit",
        "continue",
        "return",
        "execute",
        "perform",
        "raise",
        "assert",
        "get",
        "close",
        "null",
        "commit",
        "rollback",
        "open",
        "fetch",
        "move",
    }
)
# What may stand between CREATE and the name of what is created.
_BEFORE_A_NAME = frozenset(
    {
        "global",
        "local",
        "temporary",
        "temp",
        "unlogged",
        "or",
        "replace",
        "materialized",
        "recursive",
        "table",
        "view",
        "sequence",
        "schema",
        "type",
        "function",
        "procedure",
        "domain",
        "index",
        "unique",
        "if",
        "not",
        "exists",
    }
)


@dataclass(slots=True)
class BodyVariable:
    """A variable. `type` is the type as SQL text, None when it cannot be known; a record's columns come from `sources`.

    A source is the fragment whose rows the record holds, or None where that is unknown.
    """

    name: str
    type: str | None
    record: bool = False
    sources: list[Fragment | None] = field(default_factory=list)
    cursor_query: Fragment | None = None


@dataclass(slots=True)
class BlockScope:
    """The variables of one block, and the block around it."""

    parent: BlockScope | None = None
    labels: tuple[str, ...] = ()
    variables: dict[str, BodyVariable] = field(default_factory=dict)

    def find(self, name: str) -> BodyVariable | None:
        """Return the variable that `name` means here, the innermost first."""
        scope: BlockScope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        return None

    def labelled(self, label: str, name: str) -> BodyVariable | None:
        """Return the variable `label.name`."""
        scope: BlockScope | None = self
        while scope is not None:
            if label in scope.labels:
                return scope.variables.get(name)
            scope = scope.parent
        return None


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text` as written, `word` as PostgreSQL folds it (None where it is no word), offsets in the source."""

    start: int
    end: int
    name: str
    text: str
    word: str | None


@dataclass(slots=True, eq=False)
class Fragment:
    """A piece of SQL of a body. `prefix` makes a statement of it, `query` says that it returns rows of its own.

    `dynamic` marks the text of an EXECUTE; `guarded` that the block handles a missing object itself.
    """

    tokens: tuple[Token, ...]
    source: str
    scope: BlockScope
    statement: str
    prefix: str = ""
    dynamic: bool = False
    guarded: bool = False
    query: bool = False
    blanked: tuple[int, int] | None = None

    @property
    def start(self) -> int:
        """Return the offset of the first character in the body."""
        return self.tokens[0].start

    @property
    def line(self) -> int:
        """Return the line of the body on which it starts, from 1."""
        return self.source.count("\n", 0, self.start) + 1

    @property
    def text(self) -> str:
        """Return the text as written, without an INTO clause."""
        return "".join(self.pieces(lambda token, position: None))

    def pieces(self, replace: Callable[[Token, int], tuple[str, int] | None]) -> Iterator[str]:
        """Yield the text; `replace(token, index)` may give a text for that token and how many tokens it stands for."""
        at, index = self.start, 0
        while index < len(self.tokens):
            token = self.tokens[index]
            if self.blanked and self.blanked[0] <= token.start < self.blanked[1]:
                yield self.source[at : self.blanked[0]]
                yield " " + "\n" * self.source.count("\n", *self.blanked)
                at = self.blanked[1]
                while index < len(self.tokens) and self.tokens[index].start < at:
                    index += 1
                continue
            made = replace(token, index)
            if made:
                yield self.source[at : token.start]
                yield made[0]
                index += made[1]
                at = self.tokens[index - 1].end
                continue
            index += 1
        yield self.source[at : max(at, self.tokens[-1].end)]


@dataclass(slots=True)
class ParsedBody:
    """A parsed body: its fragments, the relations that it creates itself, its texts, and how names clash."""

    fragments: list[Fragment]
    created: frozenset[str]
    strings: frozenset[str]
    dynamic_text: str
    words: frozenset[str]
    prefer_column: bool


class NotUnderstood(Exception):
    """The body is not read: its SQL stays unchecked."""


def tokens_of(source: str) -> list[Token]:
    """Return the tokens of SQL or PL/pgSQL, without comments. Raises NotUnderstood."""
    from pglast.parser import ParseError, scan

    made: list[Token] = []
    try:
        found = scan(source)
    except ParseError as error:
        raise NotUnderstood(str(error.args[0])) from error
    for token in found:
        if token.name in ("SQL_COMMENT", "C_COMMENT"):
            continue
        text = source[token.start : token.end + 1]
        word: str | None = None
        if token.name in ("IDENT", "UIDENT") or token.kind != "NO_KEYWORD":
            word = text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
        made.append(Token(token.start, token.end + 1, token.name, text, word))
    return made


def parse_body(source: str, scope: BlockScope) -> ParsedBody:
    """Parse a body whose arguments are the variables of `scope`. Raises NotUnderstood."""
    parser = _Parser(source, scope)
    try:
        parser.function()
    except (IndexError, RecursionError) as error:
        raise NotUnderstood("the body ends early") from error
    created, strings, dynamic = _names(parser)
    return ParsedBody(parser.fragments, created, strings, dynamic, frozenset(parser.words), parser.prefer_column)


def _names(parser: _Parser) -> tuple[frozenset[str], frozenset[str], str]:
    strings = {token.text for token in parser.tokens if token.name == "SCONST"}
    inner = {text.strip("'").rsplit(".", 1)[-1] for text in strings}
    dynamic = " ".join(fragment.text for fragment in parser.fragments if fragment.dynamic)
    return frozenset(created_relations(parser.tokens)), frozenset(inner), dynamic


def created_relations(tokens: list[Token]) -> set[str]:
    """Return the relations and types that the tokens' statements create: `CREATE [TEMP] TABLE [IF NOT EXISTS] NAME`."""
    found: set[str] = set()
    for index, token in enumerate(tokens):
        if token.word != "create":
            continue
        at = index + 1
        while at < len(tokens) and tokens[at].word in _BEFORE_A_NAME:
            at += 1
        while at + 1 < len(tokens) and tokens[at + 1].text == ".":
            at += 2
        if at < len(tokens) and tokens[at].word:
            found.add(tokens[at].word or "")
    return found


class _Parser:
    """A reader of PL/pgSQL's structure, one token at a time."""

    def __init__(self, source: str, scope: BlockScope) -> None:
        self.source = source
        self.tokens = tokens_of(source)
        self.words = {token.word for token in self.tokens if token.word}
        self.fragments: list[Fragment] = []
        self.root = scope
        self.at = 0
        self.guards = 0
        self.prefer_column = False
        self.statement_start = 0

    # tokens

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[self.at + ahead]

    def is_word(self, *words: str, ahead: int = 0) -> bool:
        at = self.at + ahead
        return at < len(self.tokens) and self.tokens[at].word in words and not self.tokens[at].text.startswith('"')

    def is_text(self, text: str, ahead: int = 0) -> bool:
        at = self.at + ahead
        return at < len(self.tokens) and self.tokens[at].text == text

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, *words: str) -> bool:
        if self.is_word(*words):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        token = self.take()
        if token.text.lower() != text:
            raise NotUnderstood(f"{text} expected, {token.text} found on line {self.line(token)}")

    def line(self, token: Token) -> int:
        return self.source.count("\n", 0, token.start) + 1

    def until(self, *ends: str) -> list[Token]:
        """Take tokens up to the first of `ends` outside of parentheses; the end stays."""
        depth, start = 0, self.at
        while True:
            token = self.peek()
            if token.text in _OPENING:
                depth += 1
            elif token.text in _CLOSING:
                if depth == 0 and token.text in ends:
                    break
                depth -= 1
            elif depth <= 0 and token.text.lower() in ends:
                break
            self.at += 1
        return self.tokens[start : self.at]

    # fragments

    def add(
        self,
        tokens: list[Token],
        scope: BlockScope,
        prefix: str = "SELECT ",
        *,
        dynamic: bool = False,
        query: bool = False,
    ) -> Fragment | None:
        if not tokens:
            return None
        statement = self.source[self.tokens[self.statement_start].start : tokens[-1].end]
        made = Fragment(
            tuple(tokens),
            self.source,
            scope,
            statement,
            prefix,
            dynamic=dynamic,
            guarded=self.guards > 0,
            query=query,
        )
        self.fragments.append(made)
        return made

    def expressions(self, tokens: list[Token], scope: BlockScope) -> None:
        for part in split_tokens(tokens, ","):
            self.add(part, scope)

    # structure

    def function(self) -> None:
        while self.is_text("#"):
            self.at += 1
            option, value = self.take(), self.take()
            if option.word == "variable_conflict":
                self.prefer_column = value.word == "use_column"
        label = self.label()
        self.block(self.root, label)

    def label(self) -> str | None:
        if not self.is_text("<<"):
            return None
        self.at += 1
        name = self.take().word
        self.expect(">>")
        return name

    def block(self, outer: BlockScope, label: str | None) -> None:
        scope = BlockScope(outer, (label,) if label else ())
        while self.accept("declare"):
            while not self.is_word("begin", "declare"):
                self.declaration(scope)
        self.expect("begin")
        handled = self.handles_missing_objects()
        self.guards += handled
        self.statements(scope, "end", "exception")
        self.guards -= handled
        if self.accept("exception"):
            handlers = BlockScope(scope)
            for name in ("sqlstate", "sqlerrm"):
                handlers.variables[name] = BodyVariable(name, "text")
            while self.accept("when"):
                self.until("then")
                self.expect("then")
                self.statements(handlers, "when", "end")
        self.expect("end")
        self.finish()

    def finish(self) -> None:
        """Take what follows END: a label, a semicolon."""
        while self.at < len(self.tokens) and not self.is_text(";"):
            self.at += 1
        self.at += 1

    def handles_missing_objects(self) -> bool:
        """Say whether the block that begins here has a handler for a missing table, column or function."""
        depth = 0
        handling = False
        for index in range(self.at, len(self.tokens)):
            token = self.tokens[index]
            before = self.tokens[index - 1]
            if token.word == "end" and before.text != ".":
                follows = self.tokens[index + 1].word if index + 1 < len(self.tokens) else None
                if follows in ("if", "loop"):
                    continue
                if depth == 0:
                    return False
                depth -= 1
            elif token.word == "begin" or (token.word == "case" and before.word != "end"):
                depth += 1
            elif depth == 0 and token.word == "exception" and before.text in (";", "begin", "BEGIN"):
                handling = True
            elif handling and depth == 0:
                name = token.word or token.text.strip("'").lower()
                if name in _MISSING_OBJECT_CONDITIONS or name in _MISSING_OBJECT_STATES:
                    return True
        return False

    def declaration(self, scope: BlockScope) -> None:
        self.statement_start = self.at
        if self.is_text("<<"):
            self.label()
            return
        name = self.take().word or ""
        if self.accept("alias"):
            self.expect("for")
            target = self.take()
            aliased = scope.find(target.word or target.text)
            scope.variables[name] = aliased or BodyVariable(name, None)
            self.finish()
            return
        self.accept("constant")
        if self.is_word("cursor") or self.is_word("no", "scroll"):
            while not self.accept("cursor"):
                self.at += 1
            self.cursor(name, scope)
            return
        scope_before = BlockScope(scope.parent, scope.labels, dict(scope.variables))
        kind = self.until(";", ":=", "=", "default", "not", "collate")
        scope.variables[name] = variable_of(name, self.source[kind[0].start : kind[-1].end], scope_before)
        while not self.is_text(";"):
            if self.is_text(":=") or self.is_text("=") or self.is_word("default"):
                self.at += 1
                self.add(self.until(";"), scope_before)
            else:
                self.at += 1
        self.at += 1

    def cursor(self, name: str, scope: BlockScope) -> None:
        inner = BlockScope(scope)
        if self.is_text("("):
            self.at += 1
            for part in split_tokens(self.until(")"), ","):
                argument = part[0].word or ""
                inner.variables[argument] = variable_of(argument, self.source[part[1].start : part[-1].end], scope)
            self.expect(")")
        self.take()  # FOR or IS
        query = self.add(self.until(";"), inner, "", query=True)
        scope.variables[name] = BodyVariable(name, "refcursor", cursor_query=query)
        self.at += 1

    def statements(self, scope: BlockScope, *ends: str) -> None:
        while not self.is_word(*ends) or self.is_assignment():
            self.one(scope)

    def is_assignment(self) -> bool:
        if not self.peek().word:
            return self.peek().name == "PARAM"
        after = self.at + 1
        if after >= len(self.tokens):
            return False
        return self.tokens[after].text in (":=", "=", "[", ".")

    def one(self, scope: BlockScope) -> None:
        self.statement_start = self.at
        label = self.label()
        if label:
            self.statement_start = self.at
        if self.is_assignment():
            self.assignment(scope)
            return
        word = self.peek().word or ""
        handler = getattr(self, f"_{word}", None) if word in _STATEMENTS else None
        if word in ("declare", "begin"):
            self.block(scope, label)
        elif handler is None:
            self.static(scope)
        else:
            self.at += 1
            handler(BlockScope(scope, (label,)) if label else scope)

    def assignment(self, scope: BlockScope) -> None:
        target = self.until(":=", "=", ";")
        if any(token.text == "." for token in target):
            self.add(target, scope)
        self.at += 1
        value = self.until(";")
        self.add(value, scope)
        self.at += 1
        if len(target) == 1:
            self.fill(target, scope, None)

    def fill(self, target: list[Token], scope: BlockScope, source: Fragment | None) -> None:
        """Remember that the record `target`, where it is one, takes the rows of `source`."""
        words = [token for token in target if token.text != "."]
        if any(token.text == "," for token in target) or not words or len(words) > 2:
            return
        name = words[-1].word or words[-1].text
        found = scope.find(name) if len(words) == 1 else scope.labelled(words[0].word or "", name)
        if found and found.record:
            found.sources.append(source)

    def _if(self, scope: BlockScope) -> None:
        self.add(self.until("then"), scope)
        self.expect("then")
        self.statements(scope, "elsif", "elseif", "else", "end")
        while self.accept("elsif", "elseif"):
            self.statement_start = self.at - 1
            self.add(self.until("then"), scope)
            self.expect("then")
            self.statements(scope, "elsif", "elseif", "else", "end")
        if self.accept("else"):
            self.statements(scope, "end")
        self.expect("end")
        self.finish()

    def _case(self, scope: BlockScope) -> None:
        self.add(self.until("when"), scope)
        while self.accept("when"):
            self.statement_start = self.at - 1
            self.expressions(self.until("then"), scope)
            self.expect("then")
            self.statements(scope, "when", "else", "end")
        if self.accept("else"):
            self.statements(scope, "end")
        self.expect("end")
        self.finish()

    def _loop(self, scope: BlockScope) -> None:
        self.statements(scope, "end")
        self.expect("end")
        self.finish()

    def _while(self, scope: BlockScope) -> None:
        self.add(self.until("loop"), scope)
        self.expect("loop")
        self._loop(scope)

    def _for(self, scope: BlockScope) -> None:
        target = self.until("in")
        self.expect("in")
        inner = BlockScope(scope)
        name = target[0].word or ""
        body = self.lookahead("loop")
        if self.is_word("execute"):
            self.at += 1
            self.execute_text(scope, "loop", "using")
            if self.accept("using"):
                self.expressions(self.until("loop"), scope)
            self.bind(target, scope, inner, None)
        elif any(token.text == ".." for token in body):
            self.accept("reverse")
            self.add(self.until(".."), scope)
            self.expect("..")
            self.add(self.until("by", "loop"), scope)
            if self.accept("by"):
                self.add(self.until("loop"), scope)
            inner.variables[name] = BodyVariable(name, "integer")
        elif self.is_cursor(scope):
            cursor = scope.find(self.take().word or "")
            self.until("loop")
            inner.variables[name] = BodyVariable(name, None, True, [cursor.cursor_query if cursor else None])
        else:
            query = self.add(self.until("loop"), scope, "", query=True)
            self.bind(target, scope, inner, query)
        self.expect("loop")
        self._loop(inner)

    def lookahead(self, end: str) -> list[Token]:
        at = self.at
        found = self.until(end)
        self.at = at
        return found

    def is_cursor(self, scope: BlockScope) -> bool:
        found = scope.find(self.peek().word or "")
        return (
            found is not None
            and found.cursor_query is not None
            and (self.is_word("loop", ahead=1) or self.is_text("(", 1))
        )

    def bind(self, target: list[Token], scope: BlockScope, inner: BlockScope, source: Fragment | None) -> None:
        """Give the loop's record the query's columns within the loop."""
        self.fill(target, scope, source)
        name = target[0].word or ""
        found = scope.find(name)
        if len(target) == 1 and found and found.record:
            inner.variables[name] = BodyVariable(name, None, True, [source])

    def _foreach(self, scope: BlockScope) -> None:
        target = self.until("slice", "in")
        self.fill(target, scope, None)
        self.until("array")
        self.expect("array")
        self.add(self.until("loop"), scope)
        self.expect("loop")
        self._loop(scope)

    def _exit(self, scope: BlockScope) -> None:
        self.until("when", ";")
        if self.accept("when"):
            self.add(self.until(";"), scope)
        self.at += 1

    _continue = _exit

    def _return(self, scope: BlockScope) -> None:
        if self.accept("query"):
            if self.accept("execute"):
                self.execute_text(scope, "using", ";")
                if self.accept("using"):
                    self.expressions(self.until(";"), scope)
            else:
                self.add(self.until(";"), scope, "", query=True)
        else:
            self.accept("next")
            value = self.until(";")
            if len(value) != 1 or value[0].word is None:
                self.add(value, scope)
        self.at += 1

    def execute_text(self, scope: BlockScope, *ends: str) -> None:
        """Take the text of an EXECUTE: an expression that is checked, whose value is not."""
        text = self.until(*ends)
        self.add(text, scope)
        self.add(text, scope, dynamic=True)

    def _execute(self, scope: BlockScope) -> None:
        self.execute_text(scope, "into", "using", ";")
        while not self.is_text(";"):
            if self.accept("into"):
                self.accept("strict")
                target = self.until("using", ";")
                self.fill(target, scope, None)
            elif self.accept("using"):
                self.expressions(self.until("into", ";"), scope)
            else:
                self.at += 1
        self.at += 1

    def _perform(self, scope: BlockScope) -> None:
        self.add(self.until(";"), scope)
        self.at += 1

    def _raise(self, scope: BlockScope) -> None:
        self.accept("debug", "log", "info", "notice", "warning", "exception")
        parts = split_tokens(self.until("using", ";"), ",")
        for part in parts[1:]:
            self.add(part, scope)
        if self.accept("using"):
            for part in split_tokens(self.until(";"), ","):
                self.add(part[2:], scope)
        self.at += 1

    def _assert(self, scope: BlockScope) -> None:
        self.expressions(self.until(";"), scope)
        self.at += 1

    def _get(self, scope: BlockScope) -> None:
        self.until(";")
        self.at += 1

    _close = _get
    _null = _get
    _commit = _get
    _rollback = _get

    def _open(self, scope: BlockScope) -> None:
        name = self.take().word or ""
        found = scope.find(name)
        if self.is_text("("):
            self.at += 1
            for part in split_tokens(self.until(")"), ","):
                named = len(part) > 2 and part[1].text in (":=", "=>")
                self.add(part[2:] if named else part, scope)
            self.expect(")")
        self.until("for", ";")
        if self.accept("for"):
            if self.accept("execute"):
                self.execute_text(scope, "using", ";")
                if self.accept("using"):
                    self.expressions(self.until(";"), scope)
            else:
                query = self.add(self.until(";"), scope, "", query=True)
                if found:
                    found.sources.append(query)
        self.at += 1

    def _fetch(self, scope: BlockScope) -> None:
        tokens = self.until("into", ";")
        if self.accept("into"):
            cursor = scope.find(tokens[-1].word or "") if tokens else None
            source = None
            if cursor:
                source = cursor.cursor_query or (cursor.sources[0] if len(cursor.sources) == 1 else None)
            self.fill(self.until(";"), scope, source)
        self.at += 1

    _move = _fetch

    def static(self, scope: BlockScope) -> None:
        tokens = self.until(";")
        into = self.into(tokens)
        made = self.add(tokens, scope, "", query=True)
        if made and into:
            start, end = into
            first, last = tokens[start], tokens[end - 1]
            made.blanked = (first.start, last.end)
            target = [token for token in tokens[start + 1 : end] if token.word != "strict"]
            for part in split_tokens(target, ","):
                if any(token.text == "." for token in part):
                    self.add(part, scope)
            self.fill(target, scope, made)
        elif made:
            made.query = False
        self.at += 1

    def into(self, tokens: list[Token]) -> tuple[int, int] | None:
        """Return which tokens are `INTO [STRICT] target, ...` of a statement."""
        if tokens[0].word in ("import", "create", "do"):
            return None
        for index in range(1, len(tokens)):
            if tokens[index].word == "into" and tokens[index - 1].word not in ("insert", "merge"):
                at = index + 1
                if tokens[at].word == "strict":
                    at += 1
                at += 1
                while at + 1 < len(tokens) and tokens[at].text in (".", ","):
                    at += 2
                return index, at
        return None


def split_tokens(tokens: list[Token], separator: str) -> list[list[Token]]:
    """Split tokens at a separator outside of parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth == 0 and token.text == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def variable_of(name: str, written: str, scope: BlockScope) -> BodyVariable:
    """Return the variable of a declared type: `record`, `t%ROWTYPE`, `v%TYPE`, `t.c%TYPE` or any other."""
    words = tokens_of(written)
    plain = "".join(token.text for token in words)
    folded = plain.lower()
    if folded in ("record", "pg_catalog.record"):
        return BodyVariable(name, None, True)
    if folded.endswith("%rowtype"):
        return BodyVariable(name, plain[: -len("%rowtype")])
    if folded.endswith("%type"):
        return _like(name, plain[: -len("%type")], words, scope)
    if "%type" in folded:
        return BodyVariable(name, None)
    return BodyVariable(name, written)


def _like(name: str, of: str, words: list[Token], scope: BlockScope) -> BodyVariable:
    parts = [token.word or token.text for token in words if token.word or token.name == "PARAM"][:-1]
    found = scope.find(parts[0]) if len(parts) == 1 else None
    if found:
        return BodyVariable(name, found.type, found.record)
    if len(parts) == 1:
        return BodyVariable(name, None)
    holder = scope.find(parts[0]) if len(parts) == 2 else None
    if holder:
        return BodyVariable(name, f"{holder.type}.{of.split('.', 1)[1]}%TYPE" if holder.type else None)
    labelled = scope.labelled(parts[0], parts[1]) if len(parts) == 2 else None
    return BodyVariable(name, labelled.type, labelled.record) if labelled else BodyVariable(name, of + "%TYPE")
