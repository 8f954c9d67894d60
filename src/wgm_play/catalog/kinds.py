"""Each kind of object once: what its name is made of, what it is a part of, how SQL calls it, who may use it.

In: nothing. Out: `KINDS`, a `KindTraits` for each kind, and the sets that follow from them. No other module lists kinds:
it asks for one of these sets, or joins and cuts them. Who adds a kind answers here what each field asks.
"""

from __future__ import annotations

from collections.abc import Callable

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class KindTraits:
    """What holds for every object of a kind.

    `parts` are the parts of its name, in order. `word` is how COMMENT ON calls it, `granted_on` how GRANT does where that is
    another word, `given_as` how ALTER DEFAULT PRIVILEGES does. `part_of` is what it belongs to and goes with: its name
    begins with that one's. `space` is the name space that it shares in a schema. `letters` are the privileges of an owner
    and `everybody` those of PUBLIC by default, as an aclitem writes them; `owned` tells that it has an owner. `query` is
    the template that reads it, in `templates/catalog/`. `restored` is its place among what comes back from the trash, None
    where it is made anew instead. `spoken` tells that bodies of functions name it. `in_cluster` tells that it, or what it
    names, belongs to all databases of the server; `about` that it says something of another object, and goes with it.
    `expressions` are the fields of its rows that hold some. `editable` tells that an edit of one is planned alone: there
    are many in a schema, and the catalog knows what depends on them.
    """

    kind: str
    parts: tuple[str, ...]
    word: str = ""
    part_of: str = ""
    space: str = ""
    letters: str = ""
    everybody: str = ""
    owned: bool = False
    granted_on: str = ""
    given_as: str = ""
    query: str = ""
    restored: int | None = None
    spoken: bool = False
    in_cluster: bool = False
    about: bool = False
    expressions: tuple[str, ...] = ()
    editable: bool = False


_NAME, _IN_SCHEMA = ("name",), ("schema", "name")
_IN_TABLE = ("schema", "table", "name")
_TABLE = "arwdDxt"

# In the order in which kinds are looked at; it breaks ties that no dependency decides.
_ALL = (
    KindTraits("role", _NAME, in_cluster=True),
    KindTraits("membership", ("role", "member"), in_cluster=True),
    KindTraits("schema", _NAME, "SCHEMA", letters="UC", owned=True, given_as="schemas", spoken=True),
    KindTraits("extension", _NAME, "EXTENSION"),
    KindTraits("setting", ("database", "role", "parameter")),
    KindTraits("collation", _IN_SCHEMA, "COLLATION", owned=True, restored=0),
    KindTraits("enum", _IN_SCHEMA, "TYPE", space="type", letters="U", everybody="U", owned=True,
               given_as="types", restored=1, spoken=True),
    KindTraits("composite", _IN_SCHEMA, "TYPE", space="relation", letters="U", everybody="U", owned=True,
               given_as="types", restored=1, spoken=True),
    KindTraits("range", _IN_SCHEMA, "TYPE", space="type", letters="U", everybody="U", owned=True, given_as="types",
               restored=1, spoken=True),
    KindTraits("domain", _IN_SCHEMA, "DOMAIN", space="type", letters="U", everybody="U", owned=True, given_as="types",
               restored=2, spoken=True, expressions=("default",)),
    KindTraits("domain_constraint", ("schema", "domain", "name"), part_of="domain", expressions=("definition",)),
    KindTraits("sequence", _IN_SCHEMA, "SEQUENCE", space="relation", letters="rwU", owned=True, given_as="sequences",
               restored=3, spoken=True, editable=True),
    KindTraits("function", ("schema", "name", "arguments"), "FUNCTION", space="routine", letters="X", everybody="X",
               owned=True, given_as="functions", spoken=True,
               expressions=("arguments", "definition"), editable=True),
    KindTraits("procedure", ("schema", "name", "arguments"), "PROCEDURE", space="routine", letters="X", everybody="X",
               owned=True, given_as="functions", query="function", spoken=True,
               expressions=("arguments", "definition"), editable=True),
    KindTraits("aggregate", ("schema", "name", "arguments"), "AGGREGATE", space="routine", letters="X", everybody="X",
               owned=True, granted_on="FUNCTION", given_as="functions", spoken=True),
    KindTraits("operator", ("schema", "name", "left", "right"), owned=True),
    KindTraits("operator_family", ("schema", "name", "method"), owned=True),
    KindTraits("operator_class", ("schema", "name", "method"), owned=True),
    KindTraits("cast", ("source", "target")),
    KindTraits("text_search_dictionary", _IN_SCHEMA, "TEXT SEARCH DICTIONARY", owned=True),
    KindTraits("text_search_configuration", _IN_SCHEMA, "TEXT SEARCH CONFIGURATION", owned=True),
    KindTraits("foreign_data_wrapper", _NAME, "FOREIGN DATA WRAPPER", letters="U", owned=True),
    KindTraits("server", _NAME, "SERVER", letters="U", owned=True, granted_on="FOREIGN SERVER"),
    KindTraits("user_mapping", ("server", "role"), part_of="server"),
    KindTraits("foreign_table", _IN_SCHEMA, "FOREIGN TABLE", space="relation", letters=_TABLE, owned=True,
               granted_on="TABLE", given_as="tables", spoken=True, expressions=("columns", "checks")),
    KindTraits("table", _IN_SCHEMA, "TABLE", space="relation", letters=_TABLE, owned=True, given_as="tables", restored=4,
               spoken=True, expressions=("partition_by",), editable=True),
    KindTraits("column", _IN_TABLE, "COLUMN", part_of="table", restored=5, spoken=True,
               expressions=("default", "expression")),
    KindTraits("constraint", _IN_TABLE, part_of="table", spoken=True, expressions=("definition",)),
    KindTraits("index", _IN_SCHEMA, "INDEX", space="relation", expressions=("definition",), editable=True),
    KindTraits("statistics", _IN_SCHEMA, "STATISTICS", owned=True, expressions=("elements",), editable=True),
    KindTraits("view", _IN_SCHEMA, "VIEW", space="relation", letters=_TABLE, owned=True, granted_on="TABLE",
               given_as="tables", spoken=True, expressions=("query", "defaults"), editable=True),
    KindTraits("materialized_view", _IN_SCHEMA, "MATERIALIZED VIEW", space="relation", letters=_TABLE, owned=True,
               granted_on="TABLE", given_as="tables", spoken=True, expressions=("query",), editable=True),
    KindTraits("trigger", _IN_TABLE, part_of="table", expressions=("definition",), editable=True),
    KindTraits("rule", _IN_TABLE, part_of="table", expressions=("definition",), editable=True),
    KindTraits("policy", _IN_TABLE, part_of="table", expressions=("using", "with_check"), editable=True),
    KindTraits("publication", _NAME, "PUBLICATION", owned=True),
    KindTraits("publication_table", ("publication", "schema", "table"), part_of="publication", expressions=("where",)),
    KindTraits("publication_schema", ("publication", "schema"), part_of="publication"),
    KindTraits("event_trigger", _NAME, "EVENT TRIGGER", owned=True),
    KindTraits("cron_job", _NAME),
    KindTraits("partition_set", ("of_schema", "table")),
    KindTraits("owner", ("kind", "*"), query="privileges", about=True),
    KindTraits("grant", ("kind", "*", "grantee"), query="privileges", about=True, editable=True),
    KindTraits("default_privileges", ("role", "schema", "objects", "grantee"), query="privileges"),
    KindTraits("security_label", ("kind", "*", "provider"), about=True),
)  # fmt: skip
KINDS = {one.kind: one for one in _ALL}
KIND_ORDER = {kind: number for number, kind in enumerate(KINDS)}
# Each query once, in the order in which they are sent.
QUERIES = tuple(dict.fromkeys(one.query or one.kind for one in _ALL))


def where(asked: Callable[[KindTraits], object]) -> frozenset[str]:
    """Return the kinds of which something holds."""
    return frozenset(one.kind for one in _ALL if asked(one))


# How the name is made.
IN_SCHEMA = where(lambda one: one.parts[0] == "schema")
OF_ONE_WORD = where(lambda one: one.parts == _NAME)
OUTSIDE_SCHEMAS = frozenset(KINDS) - IN_SCHEMA
NAMING_ROLE = where(lambda one: one.parts[1:2] == ("role",))
BY_ARGUMENTS = where(
    lambda one: one.parts[-1] == "arguments"
)  # PostgreSQL's routines: functions, procedures, aggregates
BY_METHOD = where(lambda one: one.parts[-1] == "method")
BY_TYPES = BY_ARGUMENTS | where(lambda one: one.parts[-1] in ("right", "target"))
NEVER_RENAMED = where(lambda one: "name" not in one.parts) | {"operator"}
ROUTINES = BY_ARGUMENTS
WITH_BODY = ROUTINES - {"aggregate"}

# What is a part of something else.
OF_TABLE = where(lambda one: one.part_of == "table")
IN_TABLE = frozenset(["column", "constraint"])  # said in the table's own step
ON_TABLE = OF_TABLE - IN_TABLE
ON_VIEW = ON_TABLE - {"policy"}  # views and foreign tables have them too
PER_ROW = ON_TABLE - {"rule"}  # what is asked of each row
WITH_TABLE = OF_TABLE - {"rule"}  # what goes to the trash with its table
OF_PUBLICATION = where(lambda one: one.part_of == "publication")
WITH_PARTS = frozenset(["table", "domain"])  # made together with their columns and constraints
INSIDE = frozenset(["column", "domain_constraint"])  # nothing of them is left where what they are in goes
OVER_COLUMNS = frozenset(["index", "statistics"])
BESIDE_TABLE = frozenset(["index", "trigger"])  # a playbook says them after their table
CALLERS = frozenset(["trigger", "event_trigger"])  # they are nothing but the call of a function
INDEXES = frozenset(["index", "constraint"])  # a constraint may be one, or lean on one

# What there is in a schema.
RELATIONS = where(lambda one: one.given_as == "tables")  # what has columns and can be read
STORED = frozenset(["table", "materialized_view"])  # what has rows of its own
UNSTORED = frozenset(["view", "foreign_table"])
VIEWS = frozenset(["view", "materialized_view"])
TYPES = where(lambda one: one.given_as == "types")
COMPOUND_TYPES = frozenset(["composite", "range"])  # made of other types
WITH_ATTRIBUTES = frozenset(["composite", "foreign_table"])  # their columns have no rows of their own
TEXT_SEARCH = where(lambda one: one.kind.startswith("text_search"))
SWAPPED = TYPES | {"collation"}  # replaced under their name, with the columns that have them
MOVED_BACK = SWAPPED | {"sequence", "table"}  # named by others while they come back from the trash: rows are a type too
NAMED_AS_RELATIONS = where(lambda one: one.space == "relation")
NAMED_AS_TYPES = where(lambda one: one.space == "type")
HOLDING_VALUES = frozenset(["table", "column"])  # with them values of the application go
SPOKEN = where(lambda one: one.spoken)  # bodies name them

# Compared as rows, and never made in a scratch database.
AS_ROWS = frozenset(["setting", "cron_job", "partition_set"])

# Who may use it.
CLUSTER = where(lambda one: one.in_cluster)
OF_OBJECT = where(lambda one: one.about)
ACCESS = OF_OBJECT | CLUSTER | {"default_privileges"}
GRANTED = where(lambda one: one.letters)
OWNED = where(lambda one: one.owned)
OPEN_TO_ALL = where(lambda one: one.everybody)
OF_SERVER = (
    ACCESS | AS_ROWS | {"extension"} | {"event_trigger"} | {"user_mapping"}
)  # a copy on another server has them otherwise
OF_SUPERUSERS = BY_METHOD | {"event_trigger"} | {"foreign_data_wrapper"}  # nobody else makes them

OPTIONAL = frozenset(
    ["extension", "schema", "publication", "event_trigger", "foreign_data_wrapper"]
)  # a server may lack them

# Edited alone.
EDITABLE = where(lambda one: one.editable)
# Nothing else needs one of these where it is made.
NEVER_NEEDED = (
    IN_TABLE
    | OVER_COLUMNS
    | OF_PUBLICATION
    | CALLERS
    | NAMING_ROLE
    | AS_ROWS
    | frozenset(["domain_constraint", "rule", "publication"])
)
# What must exist before what, as far as the kind tells; PostgreSQL decides the rest. A `late` statement refers to tables.
FIRST_MADE = (
    "schema", "extension", "collation", "enum", "composite", "range", "domain", "sequence", "function", "procedure",
    "aggregate", "operator", "operator_family", "operator_class", "cast", "text_search_dictionary", "text_search_configuration",
    "foreign_data_wrapper", "server", "table", "foreign_table", "index", "late", "statistics", "view", "materialized_view",
    "trigger", "rule", "policy", "publication", "comment", "event_trigger",
)  # fmt: skip

# What comes back from the trash, by its place: the types of a table before the table.
RESTORED = {one.kind: one.restored for one in _ALL if one.restored is not None}


def name_at(kind: str) -> int:
    """Return the place of the object's own name among the parts of its qualified name."""
    return KINDS[kind].parts.index("name")
