"""What the tests of backups share: a database with some of everything, engines, the commands on a project.

In: URLs, folders. Out: `Logical` engines; `Shop`, a project and the commands on it (fixtures: `conftest.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laws import Listener

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.backup import own_server
from wgm_play.backup.base import BackupPolicy, BackupSource
from wgm_play.backup.logical import Logical
from wgm_play.options import Options
from wgm_play.reporter import Reporter

CONTENT = """
create schema "Odd ""schema";
create type mood as enum ('calm', 'cross');
create table players (id integer primary key, name text not null check (name <> ''), mood mood default 'calm');
create table "Odd ""schema"."a table" (id integer references players, note text, unique (id, note));
create index on players (lower(name));
create view calm as select name from players where mood = 'calm';
create materialized view names as select name from players;
create table log (at date not null, what text) partition by range (at);
create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
create table parent (id integer);
create table child (extra integer) inherits (parent);
create type span as range (subtype = integer);
create function touch() returns trigger language plpgsql as 'begin return new; end';
create trigger touch before update on players for each row execute function touch();
insert into players select n, 'player ' || n from generate_series(1, 500) n;
insert into "Odd ""schema"."a table" select n, repeat('x', 100) from generate_series(1, 200) n;
insert into log select date '2026-01-01' + n, 'seen' from generate_series(1, 100) n;
insert into parent select generate_series(1, 3);
insert into child select n, n from generate_series(1, 4) n;
refresh materialized view names;
"""


def engine(
    url: str, directory: Path, verify: str = "restore", reporter: Reporter | None = None, **more: Any
) -> Logical:
    policy = BackupPolicy(verify=verify, **{key: more.pop(key) for key in list(more) if key in BackupPolicy.__slots__})
    return Logical(BackupSource(url, directory, policy, **{"scratch": scratch, **more}), reporter)


scratch = own_server()


def leftovers(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir() if entry.name != ".gitignore"]


def scratch_databases(server: Postgres) -> list[str]:
    with server.connect() as admin:
        return [row[0] for row in admin.execute("select datname from pg_database where datname like 'wgm_verify%'")]


TABLE = """
    - name: Tasks
      table: {name: tasks, columns: {id: {type: bigint, identity: always, primary_key: true}, title: text}}
"""
NOTE = TABLE.replace("title: text", "title: text, note: text")


class Said(Listener):
    """Keeps the rows of tables, too."""

    def table(self, title: str, columns: Any, rows: Any) -> None:
        self.said += [" | ".join(map(str, row)) for row in rows]

    def page(self, name: str, text: str) -> None:
        self.said.append(text)

    @property
    def text(self) -> str:
        """All that was said, one line each."""
        return "\n".join(self.said)


@dataclass(frozen=True, slots=True)
class Shop:
    """A project whose playbook asks for backups, and the commands on it."""

    folder: Path

    def write(self, backup: str = "{}", steps: str = TABLE, environment: str = "") -> None:
        """Write the playbook and its environment."""
        for name in ("environments", "playbooks"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "environments/production.yml").write_text(
            f'url: "postgresql://nowhere.invalid/none"\n{environment}'
        )
        text = f"- name: Shop\n  hosts: production\n  backup: {backup}\n  steps:{steps}"
        (self.folder / "playbooks/production.yml").write_text(text)

    def __call__(self, verb: str, url: str, *more: Any, **options: Any) -> Said:
        """Run one command by its name in `pipeline`; return what it said. Raise `WgmError`."""
        said = Said()
        given = {name: options.pop(name) for name in ("synthetic", "replay") if name in options}
        chosen = Options(str(self.folder / "playbooks/production.yml"), url=url, **options)
        getattr(pipeline, verb)(chosen, said, *more, **given)
        return said

    def taken(self) -> list[Path]:
        """Return the folders of the finished backups, oldest first."""
        return sorted(path.parent for path in self.folder.glob(".wgm/backups/production/*/manifest.json"))
