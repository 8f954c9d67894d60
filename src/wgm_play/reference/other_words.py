"""What people who know another tool search for, and where this one speaks of it.

In: the words of a search. Out: places of the documentation, each with a line on what to write.
"""

from __future__ import annotations

from collections.abc import Sequence

_COLUMN = ("table.columns", "a column is a line of its table: `columns: {note: text}`; what is missing is added")
_ROWS = ("seed", "rows that are always there: `seed: {table: plans, key: [name], rows: [{name: free}]}`")
_UNDO = (
    "plans: Trash and rollback",
    "no down-scripts: `wgm-play rollback PLAYBOOK` takes the last run back, with its data",
)
_CHECK = ("plans", "`wgm-play PLAYBOOK --check --diff` shows what a run would do, and changes nothing")
_JOIN = (
    "table",
    "a table of two foreign keys: `columns: {a_id: {references: a}, b_id: {references: b}}, primary_key: [a_id, b_id]`",
)
_NULL = ("table.columns.not_null", "`not_null: true`; without it NULL is allowed")
_NUMBER = ("table.columns.identity", "`id: {type: bigint, identity: always, primary_key: true}`")
_RUN = ("start", "edit the playbook and run it: `wgm-play PLAYBOOK` makes the database so")
_TIMES = (
    "table.columns.default",
    "`created_at: {type: timestamptz, not_null: true, default: now()}`; a trigger keeps `updated_at`",
)
_SLOW = (
    ("setting", "`setting: {name: log_min_duration_statement, value: 500ms}`: the server logs what takes longer"),
    ("analyze", "what queries cost, and which got slower"),
)
_WATCH = (
    ("alerts", "alerts beside the schema, for Prometheus, Alertmanager and Grafana"),
    ("health", "one report of what is wrong, also for Nagios"),
    ("operation", "what is done again and again, by systemd, cron or pg_cron"),
)
_TYPE = "table.columns.type"

# Each in small letters, words apart; all that people are known to type.
WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "add column": (_COLUMN,), "create column": (_COLUMN,), "new column": (_COLUMN,),
    "remove column": (("table.columns.state", "`state: absent` on its line; it goes to the trash first"),),
    "drop column": (("table.columns.state", "`state: absent` on its line; it goes to the trash first"),),
    "rename column": (("table.columns.renamed_from", "`renamed_from: OLD` on its line"),),
    "rename table": (("step.renamed_from", "`renamed_from: OLD` in its step"),),
    "change type": ((_TYPE, "write the new type; values without a cast are converted by `convert`"),),
    "alter column": (_COLUMN, ("table.columns.convert", "how values become another type, and back")),
    "nullable": (_NULL,), "required": (_NULL,), "optional": (_NULL,), "allow null": (_NULL,),
    "string": ((_TYPE, "`type: text`, or `type: \"varchar(100)\"`"),),
    "datetime": ((_TYPE, "`type: timestamptz`"),),
    "boolean": ((_TYPE, "`type: boolean`"),),
    "decimal": ((_TYPE, "`type: \"numeric(10,2)\"`, in quotes"),),
    "json": ((_TYPE, "`type: jsonb`"),),
    "auto increment": (_NUMBER,), "autoincrement": (_NUMBER,), "auto_increment": (_NUMBER,), "serial": (_NUMBER,),
    "bigserial": (_NUMBER,), "primary key": (_NUMBER, ("table.primary_key", "PRIMARY KEY columns")),
    "uuid default": (("table.columns.default", "`id: {type: uuid, default: gen_random_uuid(), primary_key: true}`"),),
    "default value": (("table.columns.default", "SQL: `default: now()`, a text as `default: \"'new'\"`"),),
    "timestamps": (_TIMES,), "created at": (_TIMES,), "updated at": (_TIMES, ("trigger", "a function that runs when rows change")),
    "soft delete": (("table.columns", "`deleted_at: timestamptz`, and an index or a view `where: deleted_at is null`"), ("view", "the rows that are not deleted")),
    "seed data": (_ROWS,), "seeds": (_ROWS,), "fixtures": (_ROWS,), "insert": (_ROWS,), "upsert": (_ROWS,),
    "data migration": (("backfill", "UPDATE in batches, resumed where it stopped"), ("sql", "SQL that runs once")),
    "raw sql": (("sql", "SQL that runs once: `sql: {up: ..., down: ...}`"),),
    "many to many": (_JOIN,), "join table": (_JOIN,), "has many": (("table.columns.references", "`user_id: {references: users(id)}`"),),
    "belongs to": (("table.columns.references", "`user_id: {references: users(id)}`"),),
    "polymorphic": (("table.columns", "two columns, a kind and an id; or a foreign key for each kind and a `check` that one is set"),),
    "foreign key": (("table.columns.references", "`references: users(id)`, with `on_delete: cascade`"),),
    "index concurrently": (("index", "nothing to say: on large tables indexes are built CONCURRENTLY"), ("plans: Locks", "when online forms are taken")),
    "concurrent index": (("index", "nothing to say: on large tables indexes are built CONCURRENTLY"),),
    "unique index": (("index.unique", "`index: {name: ..., table: ..., columns: [...], unique: true}`"),),
    "migrate": (_RUN,), "migration": (_RUN, ("adopt: From another tool", "migrations that are there: `inspect --import`")),
    "migrations": (_RUN, ("adopt: From another tool", "migrations that are there: `inspect --import`")),
    "down": (_UNDO,), "revert": (_UNDO,), "undo": (_UNDO,), "downgrade": (_UNDO,), "rollback": (_UNDO,),
    "up": (_RUN,), "upgrade": (_RUN, ("environments: The embedded server", "another version of the embedded server: `--upgrade`")),
    "baseline": (("adopt", "`wgm-play inspect URL --output DIR --baseline` takes a database on as it is"),),
    "squash": (("language", "there is nothing to squash: a playbook says what is; steps can be edited, joined and moved"),),
    "dry run": (_CHECK,), "dryrun": (_CHECK,), "plan": (_CHECK,), "preview": (_CHECK,), "diff": (_CHECK,),
    "status": (("plans: Ledger", "`wgm-play status PLAYBOOK`: runs, and the one in progress"),),
    "history": (("plans: Ledger", "`wgm-play status PLAYBOOK`: runs, and the one in progress"),),
    "schema dump": (("adopt", "`wgm-play inspect URL --output DIR` writes the playbook of a database"),),
    "reverse engineer": (("adopt", "`wgm-play inspect URL --output DIR` writes the playbook of a database"),),
    "import": (("adopt: From another tool", "`wgm-play inspect --import FOLDER`"),),
    "flyway": (("adopt: From another tool", "`wgm-play inspect --import FOLDER`"),),
    "pg_partman": (("partition_set", "tables whose partitions it keeps"),),
    "pg_cron": (("cron_job", "SQL at its times"),),
    "row level security": (("policy", "which rows a role sees and writes"), ("table.row_level_security", "turns it on")),
    "rls": (("policy", "which rows a role sees and writes"), ("table.row_level_security", "turns it on")),
    "stored procedure": (("procedure", "called by CALL"), ("function", "called in expressions")),
    "slow query": _SLOW, "slow queries": _SLOW, "slow query log": _SLOW, "slow_query": _SLOW, "query log": _SLOW,
    "monitoring": _WATCH, "monitor": _WATCH, "observability": _WATCH, "exporter": _WATCH, "nagios": _WATCH[1:2],
    "password": (("environments: Secrets", "where secrets come from"), ("role", "roles and their passwords")),
}  # fmt: skip


def meant(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return the places that people mean who search for these words."""
    return list(WORDS.get(" ".join(words).lower().replace("-", " "), ()))
