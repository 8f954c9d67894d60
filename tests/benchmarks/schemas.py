"""The schemas of the benchmarks, as a project with playbooks.

In: a number of tables, a folder. Out: a project whose playbook imports files of twenty tables each. A table has keys,
checks, three indexes and a trigger; there is a view for every ten tables.
"""

from __future__ import annotations

from pathlib import Path

PER_FILE = 20
ENVIRONMENT = 'url: "{{ env.WGM_BENCHMARK_URL }}"\n'

_TABLE = """
- name: Things of kind {n}
  table:
    name: things_{n}
    comment: Things of kind {n}
    columns:
      id:         {{type: bigint, identity: always, primary_key: true}}
{parent}      code:       {{type: text, not_null: true, unique: true}}
      name:       {{type: text, not_null: true, check: length(name) between 1 and 200}}
      state:      {{type: text, not_null: true, default: "'new'", one_of: [new, open, done]}}
      amount:     {{type: 'numeric(12,2)', not_null: true, default: '0', check: amount >= 0}}
      properties: {{type: jsonb, not_null: true, default: "'{{}}'"}}
{added}      created_at: {{type: timestamptz, not_null: true, default: now()}}
      updated_at: {{type: timestamptz, not_null: true, default: now()}}
- name: Things of kind {n} by name
  index: {{name: things_{n}_name_idx, table: things_{n}, columns: [name]}}
- name: Newest things of kind {n} first
  index: {{name: things_{n}_created_idx, table: things_{n}, columns: [created_at desc], where: state <> 'done'}}
- name: Things of kind {n} by property
  index: {{name: things_{n}_properties_idx, table: things_{n}, method: gin, columns: [properties]}}
- name: updated_at of things {n} tells the truth
  trigger: {{table: things_{n}, name: touch, timing: before, events: [update], function: touch_updated_at}}
"""
_VIEW = """
- name: Open things of kind {n}
  view:
    name: open_things_{n}
    query: select id, code, name, amount from things_{n} where state = 'open'
"""
_START = """
- name: The function behind updated_at
  function:
    name: touch_updated_at
    language: plpgsql
    returns: trigger
    body: |
      begin
        new.updated_at := now();
        return new;
      end
"""


def write(folder: Path, tables: int, *, added: int | None = None) -> Path:
    """Write the project; return its playbook. The table number `added` has one more column."""
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    (folder / "playbooks" / "schema").mkdir(parents=True, exist_ok=True)
    (folder / "environments" / "benchmark.yml").write_text(ENVIRONMENT)
    imports = []
    for start in range(0, tables, PER_FILE):
        name = f"schema/{start // PER_FILE:03}_things.yml"
        steps = [_START] if start == 0 else []
        steps += [_steps(n, n == added) for n in range(start, min(start + PER_FILE, tables))]
        _changed(folder / "playbooks" / name, "".join(steps).lstrip())
        imports.append(f"    - import_steps: {name}\n")
    playbook = folder / "playbooks" / "benchmark.yml"
    _changed(playbook, "- name: Benchmark\n  hosts: benchmark\n  steps:\n" + "".join(imports))
    return playbook


def _steps(n: int, added: bool) -> str:
    parent = f"      parent_id:  {{type: bigint, references: things_{n - 1}(id), on_delete: set null}}\n" if n else ""
    more = "      remark:     text\n" if added else ""
    return _TABLE.format(n=n, parent=parent, added=more) + (_VIEW.format(n=n) if n % 10 == 0 else "")


def _changed(path: Path, text: str) -> None:
    """Write a file only where its text is another: people do not touch files that they do not edit."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
