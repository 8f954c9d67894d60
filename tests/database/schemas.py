"""Schemas by chance: SQL over every kind that a random source can choose.

In: a random source (hypothesis shrinks what it gives). Out: `Schema`, whose parts are told apart so that a second one
can keep some and change others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

NAMES = (
    "a", "b", "note", "user", "select", "Mixed", "x y", "on", "yes", "null", "1", "Größe", "it's", 'q"t', "a,b", "f(x)", "#", "a.b",
    "- x", "x: y", "default", "end_", "e" * 63,
)  # fmt: skip
# A type, defaults for it, and rules over a column {c} of it.
TYPES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("integer", ("0", "-1", "42", "(1 + 2)", "length('x')"), ("{c} > 0", "{c} IN (1, 2, 3)", "{c} BETWEEN -5 AND 5 OR {c} IS NULL")),
    ("bigint", ("0", "9223372036854775807"), ("{c} IN (1, 2)", "{c} % 2 = 0")),
    ("smallint", ("1", "-1"), ("{c} IN (1, 2)", "NOT ({c} < 0)")),
    ("numeric(10,2)", ("0.00", "1.50", "-1.5", "1e3"), ("{c} >= 0", "{c} <> ALL (ARRAY[1.5, 2])")),
    ("text", ("'x'", "'it''s'", "E'a\\nb'", "''", "'{{{{ x }}}}'", "upper('y')", "NULL"),
     ("{c} IN ('a', 'b', 'it''s')", "length({c}) < 10 AND {c} <> ''", "{c} LIKE '%x%'", "{c} ~ '^[a-z]+$'", "{c} = 'on'")),
    ("varchar(20)", ("'x'", "'yes'"), ("{c} IN ('a', 'b')", "{c} <> 'c'", "{c} NOT IN ('x', 'y')")),
    ("char(3)", ("'abc'",), ("{c} IN ('abc', 'x')",)),
    ("boolean", ("true", "false"), ("{c} IS NOT TRUE",)),
    ("timestamptz", ("now()", "CURRENT_TIMESTAMP", "'2020-01-01 00:00:00+00'"), ("{c} > '2000-01-01'",)),
    ("timestamp(3)", ("LOCALTIMESTAMP", "(now() AT TIME ZONE 'UTC')"), ()),
    ("date", ("CURRENT_DATE", "'2020-02-02'"), ("{c} < '2100-01-01'",)),
    ("interval", ("'1 day'", "'00:00:05'"), ()),
    ("uuid", ("gen_random_uuid()",), ()),
    ("jsonb", ("'{{}}'", "'[1, 2]'", "jsonb_build_object('a', 1)"), ("{c} ? 'a'", "{c} @> '{{\"a\": 1}}'")),
    ("text[]", ("'{{}}'", "ARRAY['a', 'b']"), ("cardinality({c}) > 0", "'a' = ANY ({c})")),
    ("integer[][]", ("'{{{{1,2}}}}'",), ()),
    ("bytea", ("'\\x00'", "'abc'::bytea"), ()),
    ("bit(4)", ("B'0101'",), ()),
    ("int4range", ("'[1,5)'", "int4range(1, 2)"), ("NOT isempty({c})",)),
    ("double precision", ("0", "1.5", "'NaN'", "pi()"), ("{c} > 0.5",)),
    ("inet", ("'127.0.0.1'",), ()),
    ("tsvector", ("''",), ()),
    ("\"char\"", ("'a'",), ()),
    ("name", ("CURRENT_USER",), ()),
)  # fmt: skip
ACTIONS = (
    "",
    " ON DELETE CASCADE",
    " ON DELETE SET NULL",
    " ON UPDATE CASCADE ON DELETE RESTRICT",
    " ON DELETE SET DEFAULT",
)
WORDS = ("Said", " a: b # c ", "two\nlines\n", "{{ x }}", "yes", '- \\ \t"q"')
WAITS = ("", "", "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED")


def q(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a text."""
    return "'" + value.replace("'", "''") + "'"


@dataclass
class Made:
    """A table or view that others can use: its columns with their types."""

    name: str
    columns: dict[str, str]
    key: str | None = None


@dataclass
class Schema:
    """Statements in an order in which they can run."""

    statements: list[str] = field(default_factory=list)
    tables: list[Made] = field(default_factory=list)
    views: list[Made] = field(default_factory=list)
    enums: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    @property
    def sql(self) -> str:
        """Return all statements as one text."""
        return ";\n".join(self.statements)


class Maker:
    """Makes schemas with one random source."""

    def __init__(self, random: Random, version: int) -> None:
        self.random = random
        self.version = version
        self.made = Schema()

    def chance(self, of: int) -> bool:
        """Return true once in `of` times."""
        return self.random.randrange(of) == of - 1

    def one(self, among: tuple[str, ...] | list[str]) -> str:
        """Choose one."""
        return among[self.random.randrange(len(among))]

    def name(self, prefix: str = "") -> str:
        """Return a name that nothing has yet."""
        name = (prefix + self.one(NAMES))[:63]
        while name in self.made.used or len(name.encode()) > 60:
            name = f"{prefix}n{len(self.made.used)}"
        self.made.used.add(name)
        return name

    def say(self, sql: str) -> None:
        """Add a statement."""
        self.made.statements.append(sql)

    def comment(self, what: str) -> None:
        """Comment on something, sometimes."""
        if self.chance(4):
            self.say(f"COMMENT ON {what} IS {text(self.one(WORDS))}")

    def schema(self) -> Schema:
        """Make a schema."""
        self.types()
        for _ in range(1 + self.random.randrange(3)):
            self.table()
        self.routines()
        for _ in range(self.random.randrange(4)):
            self.index(self.made.tables[self.random.randrange(len(self.made.tables))])
        for _ in range(self.random.randrange(3)):
            self.view()
        for _ in range(self.random.randrange(2)):
            self.trigger()
        return self.made

    def types(self) -> None:
        """Make enums, domains and sequences."""
        if self.chance(2):
            name = self.name("enum ")
            labels = ["on", "a b", "it's", "", "null", "ä"][: 1 + self.random.randrange(6)]
            self.say(f"CREATE TYPE {q(name)} AS ENUM ({', '.join(map(text, labels))})")
            self.comment(f"TYPE {q(name)}")
            self.made.enums.append(q(name))
        if self.chance(2):
            name = self.name("dom ")
            rules = self.one(
                (
                    "",
                    " CHECK (VALUE <> 'x')",
                    ' CONSTRAINT "a rule" CHECK (length(VALUE) > 1)',
                    " NOT NULL",
                    " COLLATE \"C\" DEFAULT 'd'",
                )
            )
            self.say(f"CREATE DOMAIN {q(name)} AS {self.one(('text', 'varchar(30)'))}{rules}")
            self.comment(f"DOMAIN {q(name)}")
            self.made.domains.append(q(name))
        if self.chance(3):
            name = self.name("seq ")
            options = self.one(
                (
                    "",
                    " START 5 INCREMENT 2",
                    " AS integer MAXVALUE 99 CYCLE",
                    " INCREMENT -1 CACHE 10",
                    " MINVALUE 10 START 20",
                )
            )
            self.say(f"CREATE SEQUENCE {q(name)}{options}")
            self.comment(f"SEQUENCE {q(name)}")

    def table(self) -> None:
        """Make a table with its columns and constraints."""
        name = self.name()
        made = Made(name, {})
        lines: list[str] = []
        for _ in range(1 + self.random.randrange(5)):
            self.column(made, lines)
        self.constraints(made, lines)
        options = self.one(("", "", "", " WITH (fillfactor=70)", " WITH (autovacuum_enabled=false, fillfactor=90)"))
        unlogged = self.chance(8)
        if unlogged:
            made.key = None  # a permanent table may not refer to it
        self.say(f"CREATE {'UNLOGGED ' if unlogged else ''}TABLE {q(name)} (\n  {', '.join(lines)}\n){options}")
        self.comment(f"TABLE {q(name)}")
        for column, type_ in made.columns.items():
            self.comment(f"COLUMN {q(name)}.{q(column)}")
            if self.chance(10):
                self.say(f"ALTER TABLE {q(name)} ALTER {q(column)} SET STATISTICS 300")
            if self.chance(10) and type_ in ("text", "jsonb", "varchar(20)"):
                self.say(f"ALTER TABLE {q(name)} ALTER {q(column)} SET STORAGE {self.one(('EXTERNAL', 'MAIN'))}")
        self.made.tables.append(made)

    def column(self, made: Made, lines: list[str]) -> None:
        """Add a column."""
        name = self.one(NAMES)
        if name in made.columns or len(name.encode()) > 63:
            name = f"c{len(made.columns)}"
        type_, defaults, rules = TYPES[self.random.randrange(len(TYPES))]
        kind = self.random.randrange(12)
        line = f"{q(name)} "
        if kind < 5:
            rules = ()
        if kind == 0 and self.made.enums:
            type_ = self.one(self.made.enums)
            line += type_
        elif kind == 1 and self.made.domains:
            type_ = self.one(self.made.domains)
            line += type_
        elif kind == 2:
            type_ = "bigint"
            line += "bigint GENERATED " + self.one(
                ("ALWAYS AS IDENTITY", "BY DEFAULT AS IDENTITY (START 7 INCREMENT 3 CYCLE)")
            )
        elif kind == 3:
            type_ = "integer"
            line += self.one(("serial", "bigserial", "smallserial"))
            type_ = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}[line.rpartition(" ")[2]]
        elif kind == 4 and "integer" in made.columns.values() and not self.chance(2):
            other = next(one for one, of in made.columns.items() if of == "integer")
            type_ = "integer"
            line += (
                f"integer GENERATED ALWAYS AS (coalesce({q(other)}, 0) * 2) STORED"
                if not self._is_generated(other, lines)
                else "integer"
            )
        else:
            line += type_
            if type_ in ("text", "varchar(20)") and self.chance(6):
                line += ' COLLATE "C"'
            if self.chance(2):
                line += f" DEFAULT {self.one(defaults).format()}"
        if self.chance(3):
            named = self.version >= 180000 and self.chance(3)
            line += f" CONSTRAINT {q(self.name('there '))} NOT NULL" if named else " NOT NULL"
        if rules and line.startswith(f"{q(name)} {type_}") and self.chance(3):
            rule = self.one(rules).format(c=q(name))
            line += f"{' CONSTRAINT ' + q(self.name('rule ')) if self.chance(3) else ''} CHECK ({rule})"
        if self.chance(8) and type_ in ("integer", "text", "uuid", "bigint"):
            line += self.one((" UNIQUE", f" CONSTRAINT {q(self.name('key '))} UNIQUE"))
        made.columns[name] = type_
        lines.append(line)

    @staticmethod
    def _is_generated(name: str, lines: list[str]) -> bool:
        return any(line.startswith(q(name)) and "GENERATED ALWAYS AS (" in line for line in lines)

    def constraints(self, made: Made, lines: list[str]) -> None:
        """Add keys, references and rules of several columns."""
        keys = [name for name, type_ in made.columns.items() if type_ in ("integer", "bigint", "text", "uuid", "date")]
        if keys and not self.chance(4):
            named = f"CONSTRAINT {q(self.name('pk '))} " if self.chance(4) else ""
            columns = keys[: 1 + (len(keys) > 1 and self.chance(4))]
            lines.append(f"{named}PRIMARY KEY ({', '.join(map(q, columns))})")
            made.key = columns[0] if len(columns) == 1 else None
        if len(made.columns) > 1 and len(keys) > 1 and self.chance(4):
            lines.append(f"UNIQUE ({', '.join(map(q, keys[:2]))}){self.one(('', ' DEFERRABLE'))}")
        if len(keys) > 1 and self.chance(4):
            lines.append(f"CHECK ({q(keys[0])} IS NOT NULL OR {q(keys[1])} IS NOT NULL)")
        for other in self.made.tables:
            if other.key and self.chance(2):
                mine = next((name for name, type_ in made.columns.items() if type_ == other.columns[other.key]), None)
                if mine:
                    named = f"CONSTRAINT {q(self.name('fk '))} " if self.chance(3) else ""
                    lines.append(
                        f"{named}FOREIGN KEY ({q(mine)}) REFERENCES {q(other.name)}{self.action(lines, mine)}{self.one(WAITS)}"
                    )
        if self.chance(8):
            ranges = [name for name, type_ in made.columns.items() if type_ == "int4range"]
            lines += [f"EXCLUDE USING gist ({q(one)} WITH &&) WHERE (NOT isempty({q(one)}))" for one in ranges[:1]]

    def action(self, lines: list[str], mine: str) -> str:
        """Return what happens to a reference; a generated column cannot be set."""
        return "" if self._is_generated(mine, lines) else self.one(ACTIONS)

    def index(self, made: Made, *, plain: bool = False) -> None:
        """Make an index."""
        columns = [
            name
            for name, type_ in made.columns.items()
            if type_ not in ("jsonb", "tsvector", "int4range", "integer[][]")
        ]
        texts = [name for name, type_ in made.columns.items() if type_ in ("text", "varchar(20)")]
        if not columns:
            return
        name = self.name("idx ")
        parts = []
        for column in columns[: 1 + self.random.randrange(2)]:
            part = q(column)
            if self.chance(5) and column in texts:
                part = self.one(
                    (
                        f"lower({q(column)})",
                        f"({q(column)} || 'x')",
                        f"{q(column)} text_pattern_ops",
                        f'{q(column)} COLLATE "POSIX"',
                    )
                )
            parts.append(part + self.one(("", "", " DESC", " NULLS FIRST", " DESC NULLS LAST")))
        rest = ""
        if self.chance(4):
            rest += f" INCLUDE ({q(columns[-1])})"
        if self.chance(6):
            rest += " WITH (fillfactor=50)"
        if self.chance(4):
            rest += f" WHERE {q(columns[0])} IS NOT NULL"
        gin = [one for one, type_ in made.columns.items() if type_ in ("jsonb", "tsvector", "text[]")]
        if gin and self.chance(2):
            self.say(f"CREATE INDEX {q(name)} ON {q(made.name)} USING gin ({q(gin[0])})")
        elif self.chance(8) and made.columns[columns[0]] != "bit(4)":
            self.say(f"CREATE INDEX {q(name)} ON {q(made.name)} USING hash ({q(columns[0])})")
        else:
            self.say(
                f"CREATE {'UNIQUE ' if self.chance(4) and not plain else ''}INDEX {q(name)} ON {q(made.name)} ({', '.join(parts)}){rest}"
            )
        self.comment(f"INDEX {q(name)}")

    def view(self) -> None:
        """Make a view or materialized view over a table or view."""
        below = (self.made.tables + self.made.views)[self.random.randrange(len(self.made.tables + self.made.views))]
        name = self.name("v ")
        chosen = list(below.columns)[: 1 + self.random.randrange(len(below.columns))]
        kind = "MATERIALIZED VIEW" if self.chance(4) else "VIEW"
        where = self.one(("", f" WHERE {q(chosen[0])} IS NOT NULL", f" ORDER BY {q(chosen[0])}::text LIMIT 5"))
        texts = [one for one in chosen if below.columns[one] in ("text", "varchar(20)")]
        if texts and self.chance(2):
            where = f" WHERE {q(texts[0])} IN ('a', 'b')"
        extra = self.one(
            (
                "",
                ', count(*) OVER () AS "how many"',
                ", 'it''s {{ x }}'::text AS said",
                ", CASE WHEN true THEN 1 ELSE 2 END AS c_",
            )
        )
        options = " WITH (security_barrier)" if kind == "VIEW" and self.chance(6) else ""
        self.say(
            f"CREATE {kind} {q(name)}{options} AS SELECT {', '.join(map(q, chosen))}{extra} FROM {q(below.name)}{where}"
        )
        self.comment(f"{kind} {q(name)}")
        made = Made(name, {one: below.columns[one] for one in chosen})
        if kind == "VIEW":
            self.made.views.append(made)
        elif self.chance(2):
            self.index(made, plain=True)

    def routines(self) -> None:
        """Make functions and procedures."""
        bodies = (
            "begin return null; end",
            "\nbegin\n  -- {{ x }}\n  return new;\nend\n",
            "\n\nbegin return new; end;\n  ",
        )
        for _ in range(self.random.randrange(3)):
            name = self.name("fn ")
            kind = self.random.randrange(5)
            if kind == 0:
                self.say(f"CREATE FUNCTION {q(name)}() RETURNS trigger LANGUAGE plpgsql AS $b$ {self.one(bodies)} $b$")
                self.made.functions.append(q(name))
            elif kind == 1:
                options = self.one(
                    (
                        "",
                        " IMMUTABLE",
                        " STABLE STRICT PARALLEL SAFE",
                        " SECURITY DEFINER SET search_path TO pg_catalog, public",
                        " COST 7 SET work_mem TO '1MB'",
                    )
                )
                self.say(
                    f"CREATE FUNCTION {q(name)}(a integer, \"B b\" text DEFAULT 'it''s') RETURNS text LANGUAGE sql{options} AS $b$select \"B b\" || a$b$"
                )
            elif kind == 2:
                self.say(
                    f"CREATE PROCEDURE {q(name)}(a integer) LANGUAGE plpgsql AS $b$\nbegin\n  perform a;\nend\n$b$"
                )
            elif kind == 3 and self.version >= 140000:
                table = self.made.tables[0]
                self.say(
                    f"CREATE FUNCTION {q(name)}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {q(table.name)}; END"
                )
            else:
                self.say(
                    f"CREATE FUNCTION {q(name)}(VARIADIC v text[]) RETURNS TABLE (x text, \"Y y\" integer) LANGUAGE sql ROWS 5 AS 'select one, 1 from unnest(v) one'"
                )

    def trigger(self) -> None:
        """Make a trigger."""
        if not self.made.functions:
            return
        table = self.made.tables[self.random.randrange(len(self.made.tables))]
        name = self.name("trg ")
        column = next(iter(table.columns))
        when = self.one(
            (
                f"BEFORE INSERT OR UPDATE ON {q(table.name)} FOR EACH ROW",
                f"AFTER UPDATE OF {q(column)} ON {q(table.name)} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                f"AFTER DELETE ON {q(table.name)} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT",
                f"BEFORE TRUNCATE ON {q(table.name)}",
            )
        )
        self.say(f"CREATE TRIGGER {q(name)} {when} EXECUTE FUNCTION {self.one(self.made.functions)}('it''s', '1')")
        self.comment(f"TRIGGER {q(name)} ON {q(table.name)}")
        if self.chance(3):
            self.say(f"ALTER TABLE {q(table.name)} {self.one(('DISABLE', 'ENABLE ALWAYS'))} TRIGGER {q(name)}")
