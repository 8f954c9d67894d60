"""Words of other tools, and what stands in their place here.

In: a word and where it was written. Out: what to write instead, or None. Only what people are known to type is listed:
a wrong guess is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LOOP = "write `loop: [...]`; each entry is `item`"
_ROLE = "the role that runs is in the environment's `url`; who owns an object is its key `owner`"
_ERRORS = (
    "a failed step ends the run, and the same command resumes it; `required: false` skips what role or server cannot do"
)
_RETRIES = "leave it out: locks are tried again, for `lock_budget` in the environment's policy"
_ONE = "leave it out: a play runs on one database, the environment of its `hosts`"
_BLOCK = "steps stand alone: `when`, `tags` and `vars` are on each step, or on `import_steps` for a file of them"
_UNDO = "leave it out: the same command resumes a failed run, `wgm-play rollback` takes it back"
_MACHINE = "leave it out: nothing is run on a machine, a step declares an object of the database"
_ORDER = "leave it out: objects are made in the order in which they need one another"
_COLUMN = "a column is below its table: `table: {name: ..., columns: {NAME: TYPE}}`"
_CONSTRAINT = "it is below its table: `constraints:` of `table`, or `check`, `unique`, `references` of a column"
_ENVIRONMENT = "where the database is stands in environments/NAME.yml, which `hosts: NAME` is for"
_OBSERVE = "`-v` shows the SQL of each step and where variables come from; `assert` asks the database"

# What a step of Ansible, or of a tool for migrations, says.
STEP = {
    "gather_facts": "leave it out: the catalog is always read",
    **dict.fromkeys(("with_items", "with_list", "with_flattened", "foreach", "for_each", "each"), _LOOP),
    "with_dict": 'write `loop: "{{ NAME | dict2items }}"`, with `item.key` and `item.value`',
    "with_sequence": 'write `loop: "{{ range(1, 10) | list }}"`',
    "with_indexed_items": "write `loop:` with `loop_control: {index_var: NAME}`",
    **dict.fromkeys(
        ("with_nested", "with_together", "with_subelements", "with_fileglob", "with_lines", "with_random_choice"),
        "write `loop:` with a list, or with an expression of Jinja that yields one",
    ),
    **dict.fromkeys(("become", "become_user", "become_method", "become_flags", "remote_user"), _ROLE),
    **dict.fromkeys(("ignore_errors", "failed_when", "ignore_unreachable"), _ERRORS),
    "changed_when": "leave it out: a step is changed where the database differs from what it declares",
    **dict.fromkeys(("block", "tasks"), _BLOCK),
    **dict.fromkeys(("rescue", "always", "any_errors_fatal"), _UNDO),
    **dict.fromkeys(("debug", "debugger", "ansible.builtin.debug", "postgresql_info", "postgresql_ping"), _OBSERVE),
    "set_fact": "write `vars:` in the play or the step; `register` keeps what a step did",
    **dict.fromkeys(("delegate_to", "delegate_facts", "local_action", "run_once", "throttle"), _ONE),
    **dict.fromkeys(("until", "retries", "delay", "async", "poll"), _RETRIES),
    "timeout": "write `statement_timeout` in the environment's policy",
    "listen": "a handler is found by its `name`: write that in `notify`",
    **dict.fromkeys(("check_mode", "diff"), "it is said for a whole run: `--check`, `--diff`"),
    "environment": "the process environment is read as `env.NAME`; where the database is stands in environments/NAME.yml",
    **dict.fromkeys(("args", "module_defaults", "collections", "connection", "action"), _MACHINE),
    **dict.fromkeys(("pause", "wait_for", "meta"), "leave it out: a run waits for locks by itself"),
    "vars_prompt": "give it on the command line: `-e NAME=VALUE`, or read `env.NAME`",
    **dict.fromkeys(("if", "only_if", "unless", "condition"), "write `when:` with an expression"),
    **dict.fromkeys(("depends_on", "requires", "after", "before", "needs"), _ORDER),
    "description": "write `name:`; the comment of an object is the key `comment` below its kind",
    "fail": "write `assert:` with a query",
    **dict.fromkeys(("include_role", "import_role", "role_path"), "write `import_steps:` with a file of steps"),
    "import_playbook": "name the playbooks one after another: wgm-play FIRST SECOND",
    "include_vars": "write `vars_files: [FILE]` in the play",
    **dict.fromkeys(("add_host", "group_by"), _ENVIRONMENT),
    **dict.fromkeys(("alter_table", "change_table"), "edit the step of the table: the statements are planned"),
    **dict.fromkeys(
        (
            "query",
            "command",
            "shell",
            "raw",
            "script",
            "execute",
            "postgresql_query",
            "postgresql_script",
            "update",
            "migration",
            "raw_sql",
            "run",
            "delete",
            "do",
        ),
        "did you mean 'sql'? It runs once: `sql: {up: ..., down: ...}`",
    ),
    **dict.fromkeys(
        ("insert", "data", "rows", "fixture", "fixtures", "copy", "postgresql_copy", "seeds"),
        "did you mean 'seed'? Rows that are always there: `seed: {table: ..., key: [...], rows: [...]}`",
    ),
    **dict.fromkeys(
        ("include_steps", "import_tasks", "include_tasks", "include", "import"), "did you mean 'import_steps'?"
    ),
    **dict.fromkeys(("matview", "mview", "materialised_view"), "did you mean 'materialized_view'?"),
    **dict.fromkeys(("stored_procedure", "proc"), "did you mean 'procedure'?"),
    **dict.fromkeys(("func", "stored_function"), "did you mean 'function'?"),
    **dict.fromkeys(("enumeration", "postgresql_enum"), "did you mean 'enum'?"),
    **dict.fromkeys(("create_table", "postgresql_table", "model", "add_table"), "did you mean 'table'?"),
    **dict.fromkeys(("create_index", "postgresql_idx", "add_index"), "did you mean 'index'?"),
    **dict.fromkeys(("create_view", "postgresql_view"), "did you mean 'view'?"),
    **dict.fromkeys(("user", "users", "login", "group", "postgresql_user", "create_role"), "did you mean 'role'?"),
    **dict.fromkeys(("privs", "privilege", "permission", "permissions", "postgresql_privs"), "did you mean 'grant'?"),
    **dict.fromkeys(("postgresql_ext", "create_extension"), "did you mean 'extension'?"),
    "postgresql_schema": "did you mean 'schema'?",
    "postgresql_sequence": "did you mean 'sequence'?",
    "postgresql_set": "did you mean 'setting'?",
    "postgresql_membership": "did you mean 'membership'?",
    "postgresql_publication": "did you mean 'publication'?",
    "postgresql_owner": "write `owner:` below the kind of the object",
    **dict.fromkeys(("column", "columns", "add_column", "alter_column", "field", "fields"), _COLUMN),
    **dict.fromkeys(
        ("constraint", "constraints", "foreign_key", "primary_key", "unique", "check", "add_constraint", "exclusion"),
        _CONSTRAINT,
    ),
    **dict.fromkeys(("drop_table", "drop_column", "drop", "remove"), "write the object with `state: absent`"),
    **dict.fromkeys(
        ("rename_table", "rename_column", "rename"), "write the object under its new name with `renamed_from:`"
    ),
    "type": "did you mean 'enum', 'composite', 'range' or 'domain'?",
    **dict.fromkeys(("database", "postgresql_db"), f"{_ENVIRONMENT}; its settings are `setting`"),
    **dict.fromkeys(
        ("tablespace", "postgresql_tablespace"), "tablespaces are the server's: an administrator makes them"
    ),
    **dict.fromkeys(("template", "file"), "it is below the kind: `view: {name: ..., template: FILE}`"),
    **dict.fromkeys(("apt", "service", "package", "systemd", "pip", "yum", "dnf", "lineinfile"), _MACHINE),
}

PLAY = {
    **dict.fromkeys(("tasks", "pre_tasks", "post_tasks", "step", "task"), "did you mean 'steps'?"),
    "roles": "did you mean 'steps'? A file of steps is `- import_steps: FILE`",
    "handler": "did you mean 'handlers'?",
    **dict.fromkeys(("become", "become_user", "become_method", "remote_user"), _ROLE),
    "gather_facts": "leave it out: the catalog is always read",
    **dict.fromkeys(("serial", "strategy", "order", "throttle", "run_once", "max_fail_percentage", "forks"), _ONE),
    "vars_prompt": STEP["vars_prompt"],
    **dict.fromkeys(("any_errors_fatal", "ignore_errors", "ignore_unreachable"), _ERRORS),
    "force_handlers": "leave it out: a handler that did not run because the run failed is run by the next one",
    **dict.fromkeys(("module_defaults", "collections", "connection"), _MACHINE),
    **dict.fromkeys(("environment", "env"), STEP["environment"]),
    **dict.fromkeys(("url", "database", "port", "dsn", "service", "embedded", "user", "password"), _ENVIRONMENT),
    "host": "did you mean 'hosts'?",
    "policy": "the policy stands in the environment: environments/NAME.yml",
    "when": "write it on the steps, or on `import_steps` for a file of them",
    **dict.fromkeys(("loop", "register", "notify", "no_log"), "it is a keyword of a step"),
    "import_playbook": "name the playbooks one after another: wgm-play FIRST SECOND",
    "import_alerts": "it is an entry of `alerts:`, as in alerts: [{import_alerts: library}]",
    "import_steps": "it is an entry of `steps:`, as in steps: [{import_steps: FILE}]",
    **dict.fromkeys(
        ("import_tasks", "include_tasks", "include_steps"), "write `import_steps:` with a file, in `steps:`"
    ),
    **dict.fromkeys(
        (
            "deliver",
            "freeze",
            "lint",
            "marker",
            "planner",
            "promotion",
            "readers",
            "secrets",
            "server",
            "server_version",
            "shadow",
            "stats",
        ),
        "it stands in the environment: environments/NAME.yml",
    ),
    **dict.fromkeys(("variables", "variable"), "did you mean 'vars'?"),
    "description": "write `name:`",
}

_TYPE_LENGTH = 'write it in the type, in quotes: type: "varchar(100)", type: "numeric(10,2)"'
_ONE_OF = "write `one_of: [...]`, or make a type of your own with an `enum` step"

COLUMN = {
    **dict.fromkeys(
        ("nullable", "null", "allow_null", "optional"), "write `not_null: true`; without it NULL is allowed"
    ),
    **dict.fromkeys(("required", "mandatory"), "write `not_null: true`"),
    **dict.fromkeys(("pk", "primary", "primaryKey", "is_primary"), "did you mean 'primary_key'?"),
    **dict.fromkeys(
        (
            "foreign_key",
            "fk",
            "foreign",
            "references_to",
            "refs",
            "ref",
            "references_table",
            "belongs_to",
            "foreignKey",
        ),
        "write `references: table(column)`",
    ),
    **dict.fromkeys(("auto_increment", "autoincrement", "serial", "autoIncrement", "auto"), "write `identity: always`"),
    **dict.fromkeys(
        ("index", "indexed", "key"), "an index is a step: `index: {name: ..., table: ..., columns: [...]}`"
    ),
    **dict.fromkeys(("length", "size", "max_length", "precision", "scale", "limit", "maxlength", "max"), _TYPE_LENGTH),
    **dict.fromkeys(("values", "choices", "enum", "enumeration", "in", "options_list", "allowed"), _ONE_OF),
    **dict.fromkeys(("description", "doc", "remarks"), "did you mean 'comment'?"),
    **dict.fromkeys(
        ("constraint", "constraints"), "write `check`, `unique` or `references` here, or `constraints:` below the table"
    ),
    **dict.fromkeys(
        ("rename", "was", "old_name", "previous_name", "from", "renamedFrom"), "did you mean 'renamed_from'?"
    ),
    **dict.fromkeys(("computed", "virtual", "as", "expression"), "did you mean 'generated'?"),
    **dict.fromkeys(("after", "first", "position", "order"), "leave it out: a new column is the last one"),
    **dict.fromkeys(("unsigned", "min"), "write `check: NAME >= 0`"),
    "collate": "did you mean 'collation'?",
    **dict.fromkeys(("default_value", "default_sql", "server_default", "defaultValue"), "did you mean 'default'?"),
    **dict.fromkeys(("data_type", "datatype", "dataType", "db_type", "column_type"), "did you mean 'type'?"),
    **dict.fromkeys(("on_update_now", "onupdate"), "did you mean 'on_update'? It belongs to `references`"),
    "name": "the name of a column is its key: `columns: {NAME: {type: ...}}`",
}

# Types of other databases, of ORMs and of programming languages.
TYPES = {
    **dict.fromkeys(
        (
            "string",
            "str",
            "varchar2",
            "nvarchar",
            "nvarchar2",
            "tinytext",
            "mediumtext",
            "longtext",
            "clob",
            "nclob",
            "ntext",
            "charfield",
            "textfield",
        ),
        "write type: text",
    ),
    **dict.fromkeys(
        ("datetime", "datetime2", "timestamp_tz", "timestampz", "datetimeoffset", "datetime_tz", "timestamptz_"),
        "write type: timestamptz",
    ),
    **dict.fromkeys(("int32", "mediumint", "integerfield", "uint16"), "write type: integer"),
    **dict.fromkeys(("int64", "long", "biginteger", "bigint_", "uint32", "longint"), "write type: bigint"),
    **dict.fromkeys(
        ("uint64", "unsigned"), "write type: numeric, or bigint with a check: PostgreSQL has no unsigned types"
    ),
    **dict.fromkeys(("int16", "tinyint", "short", "int1", "uint8", "byte"), "write type: smallint"),
    **dict.fromkeys(("double", "float64"), "write type: double precision"),
    "float32": "write type: real",
    **dict.fromkeys(("number", "decimal128", "bignumeric"), "write type: numeric"),
    **dict.fromkeys(
        ("blob", "binary", "varbinary", "bytes", "longblob", "mediumblob", "image", "buffer"), "write type: bytea"
    ),
    **dict.fromkeys(
        ("autoincrement", "auto_increment", "increments", "bigincrements", "rowid", "counter"),
        "write {type: bigint, identity: always}",
    ),
    **dict.fromkeys(("guid", "uniqueidentifier", "uuid4", "uuidv4", "uuidv7"), "write type: uuid"),
    **dict.fromkeys(("logical", "boolean_", "bit1"), "write type: boolean"),
    **dict.fromkeys(
        ("email", "url", "slug", "phone", "password"), "write type: text, with a check, or make a `domain` step"
    ),
    **dict.fromkeys(("array", "list"), 'write the type of its entries with []: type: "text[]"'),
    **dict.fromkeys(("object", "dict", "map", "hash", "document"), "write type: jsonb"),
    **dict.fromkeys(
        ("enum", "set"), "write {type: text, one_of: [...]}, or make a type of your own with an `enum` step"
    ),
    "year": "write type: smallint",
    **{
        name: f"add a step before it: `extension: {{name: {extension}}}`"
        for name, extension in {
            "citext": "citext",
            "hstore": "hstore",
            "ltree": "ltree",
            "geometry": "postgis",
            "geography": "postgis",
            "vector": "vector",
            "halfvec": "vector",
            "cube": "cube",
            "isbn": "isn",
        }.items()
    },
}

# Variables, filters and tests of Ansible that there are not.
VARIABLES = {
    **dict.fromkeys(("yes", "on"), "write true"),
    **dict.fromkeys(("no", "off"), "write false"),
    **dict.fromkeys(
        ("inventory_hostname", "inventory_hostname_short", "ansible_host"),
        "write `environment`, the environment's name",
    ),
    "omit": "leave the key out, or make two steps with `when`",
    "ansible_check_mode": "leave it out: --check plans exactly what a run would do",
    "ansible_env": "write `env.NAME`",
    **dict.fromkeys(("hostvars", "groups", "group_names", "play_hosts", "ansible_play_hosts"), _ONE),
    **dict.fromkeys(
        ("ansible_facts", "ansible_version", "ansible_user", "ansible_date_time"),
        "ask the database with `assert` and `register`",
    ),
    "vars": "write the variable's name itself, or | default('...') behind it",
    "now": "write SQL: now()",
    **dict.fromkeys(("query", "q"), "write `env.NAME`, or lookup('env', 'NAME')"),
    **dict.fromkeys(
        ("playbook_dir", "role_path", "inventory_dir"),
        "leave it out: files are found relative to the file that names them",
    ),
}

FILTERS = {
    "changed": "write `NAME is changed`, or NAME.changed",
    "ternary": "write `ONE if CONDITION else OTHER`",
    **dict.fromkeys(("to_json", "to_nice_json"), "did you mean 'tojson'?"),
    **dict.fromkeys(
        ("split", "regex_replace", "regex_search", "regex_findall"),
        "call the text's own methods: NAME.split(','), NAME.replace('a', 'b')",
    ),
    "mandatory": "leave it out: a variable without a value is an error",
    **dict.fromkeys(("combine", "union"), "write the mapping or list out in `vars`"),
    **dict.fromkeys(("quote", "sql_quote"), "leave it out: names and values are quoted where they become SQL"),
    **dict.fromkeys(
        ("password_hash", "hash", "b64encode", "b64decode", "vault", "unvault"),
        "compute it outside, and read it as `env.NAME`",
    ),
}

TESTS = {
    **dict.fromkeys(
        ("match", "search", "regex"), "write `'part' in NAME`, NAME.startswith('...') or NAME.endswith('...')"
    ),
    **dict.fromkeys(("version", "version_compare"), "compare numbers: NAME >= 15"),
    **dict.fromkeys(("file", "directory", "exists", "link"), "leave it out: a playbook reads no other files"),
    "truthy": "leave it out: `when: NAME`",
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "step": STEP,
    "play": PLAY,
    "column": COLUMN,
    "type": TYPES,
    "variable": VARIABLES,
    "filter": FILTERS,
    "test": TESTS,
}
_PREFIXES = ("ansible.builtin.", "community.postgresql.", "community.general.", "ansible.legacy.")


def instead(place: str, word: Any) -> str | None:
    """Return what to write in place of a word of another tool; `place` is a key of `WORDS`."""
    name = str(word)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    found = WORDS[place].get(name) or WORDS[place].get(name.lower())
    return found or (_MACHINE if place == "step" and "." in name else None)


def of_policy(word: str) -> str:
    """Say where a key of the environment's policy is written."""
    return f"it is said for a whole environment: `policy: {{{word}: ...}}` in environments/NAME.yml"
