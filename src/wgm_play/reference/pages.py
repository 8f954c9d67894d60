"""The pages of the documentation: kinds of steps, topics, guides and hazards.

In: the name of a page or of a key on it, or words to search for. Out: text in Markdown.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wgm_play import environment_keys
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.alert_keys import ALERT, IMPORT_ALERTS
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.query_keys import QUERY
from wgm_play.playbook.schema_rules import nearest
from wgm_play.playbook.validate import IMPORT, KEYWORDS, PLAY, definitions
from wgm_play.reference import keys as key_tree
from wgm_play.reference.keys import KeyDoc
from wgm_play.reference.other_words import meant

TOPICS = ("play", "step", "alert", "query", "after_changes", "schedule", "pool", "backup", "environment", "security")
GUIDES, LANGUAGE, KIND_GROUP, HAZARD_GROUP = "Guides", "Playbooks", "Kinds of steps", "Hazards"
GROUPS = (GUIDES, LANGUAGE, KIND_GROUP, HAZARD_GROUP)
_FOLDER = Path(__file__).parent

_ABOUT = {
    "play": "A play: one environment, and what its database is to be.",
    "step": "Keywords of every step: a name, exactly one kind, and these.",
    "alert": "Alert rules: a query, a threshold, and how long it must hold.",
    "query": "Queries of the application: what it sends, prepared with each change and watched for slower plans.",
    "after_changes": "What is watched after a run that changed something, and what becomes of the run.",
    "schedule": "Work that is done again and again, by systemd, cron or pg_cron.",
    "pool": "What the application needs of PgBouncer, from which its configuration is written and checked.",
    "backup": "Backup policy: when a backup is taken, how it is proved, how long it is kept.",
    "environment": "Environment files: where a database is, and what a run may do there.",
}
_MORE = {
    "environment": "A play with `hosts: NAME` is for environments/NAME.yml. One of `url`, `service` and `embedded` is needed.",
    "step": "Steps are folded in their order into one wanted state: a later step amends an earlier one.",
}
_EXAMPLES = {
    "environment": """\
url: "{{ env.DATABASE_URL }}"
variables: {slow_query: 250ms}
policy:
  lock_timeout: 500ms
  trash: {retention: 30d}
""",
    "alert": """\
- name: TooManyOpenTasks
  query: select count(*) as value from tasks where status = 'open'
  threshold: "> 100"
  for: 10m
  severity: warning
""",
    "query": """\
- name: A person's open tasks
  sql: select id, title, due from tasks where user_id = :user and status = 'open' order by due limit 20
  values: {user: 1}
- name: A task is done
  sql: update tasks set status = 'done' where id = $1
""",
    "schedule": """\
schedule:
  - {name: states of the alerts, run: check --record, every: 15m}
  - {name: nightly backup, run: backup, at: "02:00", timezone: Europe/Berlin}
  - {name: overview, sql: select refresh_overview(), every: 1h}
""",
    "pool": """\
pool:
  mode: transaction
  clients: 500
  roles: [shop_web, shop_jobs]
""",
    "after_changes": """\
after_changes:
  alerts: [TooManyOpenTasks]
  for: 5m
  on_failure: rollback
""",
    "backup": """\
backup:
  before_changes: new
  method: logical
  retention: {full: 2}
  verify: restore
""",
}


@dataclass(frozen=True, slots=True)
class Example:
    """Steps that stand for themselves, and what they show."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name, where it stands, what it is about in a line; its keys, examples, and text before these."""

    name: str
    group: str
    title: str
    summary: str
    body: str = ""
    keys: tuple[KeyDoc, ...] = ()
    examples: tuple[Example, ...] = ()

    def markdown(self) -> str:
        """Return the whole page."""
        parts = [f"# {self.title if self.group == GUIDES and self.name not in TOPICS else self.name}"]
        parts += [self.summary] if self.group != GUIDES else []
        parts += [self.body] if self.body else []
        if self.keys:
            parts.append(f"## Keys\n\n{key_tree.markdown(self.keys)}".rstrip())
        if self.examples:
            parts.append("## Examples" if len(self.examples) > 1 else "## Example")
            parts += [f"{one.title}\n\n```yaml\n{one.text.strip()}\n```".strip() for one in self.examples]
        return "\n\n".join(parts) + "\n"


@functools.cache
def pages() -> dict[str, Page]:
    """Return every page by its name, in the order of the table of contents."""
    found = [*_guides(), *_topics(), *map(_kind, KINDS), *_hazards()]
    return {page.name: page for page in found}


def _topics() -> Iterator[Page]:
    rules: dict[str, tuple[Any, Any]] = {
        "play": (_play(), ("name", "hosts")),
        "step": ({**KEYWORDS, **IMPORT}, ("name",)),
        "environment": (environment_keys.schema()["properties"], ()),
        "backup": (definitions()["backup"]["properties"], ()),
        "after_changes": (PLAY["after_changes"]["properties"], ()),
        "schedule": (PLAY["schedule"]["items"]["properties"], ("name",)),
        "pool": (PLAY["pool"]["properties"], ("clients",)),
        "query": (QUERY["properties"], QUERY["required"]),
        "alert": ({**ALERT["properties"], **IMPORT_ALERTS["properties"], **ALERT["properties"]}, ALERT["required"]),
    }
    for name, (properties, required) in rules.items():
        examples = (Example("", _EXAMPLES[name]),) if name in _EXAMPLES else ()
        found = tuple(key_tree.keys_of(properties, required))
        yield Page(name, LANGUAGE, name, _ABOUT[name], _MORE.get(name, ""), found, examples)
    from wgm_play.security import page

    text = page()
    rest = text.partition("\n")[2]
    body = rest.strip()
    yield Page("security", GUIDES, "Security", body.partition("\n\n")[0].replace("\n", " "), body)


def _play() -> dict[str, Any]:
    """Return the keys of a play; what its lists hold has pages of its own."""
    own = {"steps": "step", "handlers": "sql", "alerts": "alert", "queries": "query", "schedule": "schedule"}
    lists = {
        name: {"type": "array", "description": f"{PLAY[name]['description']} See `wgm-play doc {page}`."}
        for name, page in own.items()
    }
    apart = {
        name: {"type": "object", "description": f"{PLAY[name]['description']} See `wgm-play doc {name}`."}
        for name in ("after_changes", "pool")
    }
    return {**PLAY, **lists, **apart}


def _kind(name: str) -> Page:
    one = KINDS[name]
    rules = one.schema
    if "oneOf" in rules:
        rules = next(branch for branch in rules["oneOf"] if branch.get("type") == "object")
    found = tuple(key_tree.keys_of(rules["properties"], rules.get("required", ())))
    own = Example("With more of its keys", one.example)
    return Page(name, KIND_GROUP, name, one.summary, "", found, (*more_examples(name), own))


def more_examples(kind: str) -> tuple[Example, ...]:
    """Return the examples of a kind beside its first: a file of steps, each example below a line `## Title`."""
    path = _FOLDER / "examples" / f"{kind}.yml"
    if not path.is_file():
        return ()
    parts = re.split(r"^## (.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return tuple(Example(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True))


def _guides() -> Iterator[Page]:
    for path in sorted((_FOLDER / "guide").glob("*.md")):
        title, _, rest = path.read_text(encoding="utf-8").replace("LINT_CODES\n", _lint_codes()).partition("\n")
        summary = rest.strip().partition("\n\n")[0].replace("\n", " ")
        yield Page(path.stem.partition("-")[2], GUIDES, title.lstrip("# "), summary, rest.strip())


def _lint_codes() -> str:
    """Return the codes that `lint` tells, as a table."""
    from wgm_play.hazards import pages as codes
    from wgm_play.lint.codes import SEVERITY

    rows = [f"| {code} | {SEVERITY[code]} | {what} |" for code, (what, _, _) in codes().items() if code in SEVERITY]
    return "\n".join(["| code | severity | what |", "|---|---|---|", *rows, ""])


def _hazards() -> Iterator[Page]:
    from wgm_play.hazards import page
    from wgm_play.hazards import pages as codes

    for code, (what, _, _) in codes().items():
        text = page(code) or ""
        body = text.partition("\n")[2].strip() if text.startswith("# ") else text
        yield Page(code, HAZARD_GROUP, code, f"{what[:1].upper()}{what[1:]}.", body)


# Words ----------------------------------------------------------------------------------------------------------

# What people call a page.
_CALLED = {
    "column": "table.columns",
    "columns": "table.columns",
    "keywords": "step",
    "keyword": "step",
    "plays": "play",
    "constraint": "table.constraints",
    "foreign_key": "table.columns.references",
    "steps": "step",
    "policy": "environment.policy",
}


def doc(name: str | None = None) -> str:
    """Return a page, a key of one as `table.columns`, or what there is; raise `InputError` with what is like it."""
    if name is None:
        return contents()
    known = pages()
    wanted = name if name in known else name.upper() if name.upper() in known else _CALLED.get(name.lower(), name)
    if wanted in known:
        return known[wanted].markdown()
    page, _, rest = wanted.partition(".")
    if rest and page in known:
        found = key_tree.find(known[page].keys, rest.split("."))
        if found is not None:
            same = f"Keys as under `{page}.{found.same_as}`." if found.same_as else key_tree.markdown(found.inner)
            return f"# {wanted}\n\n{found.text}\n\n({key_tree.notes(found)})\n\n{same}".rstrip() + "\n"
    hint = nearest(name, known)
    similar = [f"  {place}: {cut(text, 100)}" for place, text in search([name])[:6]]
    if rest and page in known:
        hint = f"{page} has: {', '.join(key.name for key in known[page].keys)}"
    raise InputError(
        f"no page {name!r}",
        hint=hint or f"wgm-play doc search {name}" if similar else hint or "wgm-play doc lists them",
        details=similar,
    )


def cut(text: str, width: int) -> str:
    """Return a text that is at most so many characters wide."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def search(words: list[str]) -> list[tuple[str, str]]:
    """Return the places that speak of all the words, those with a name like it first: path and what it says.

    What other tools call so comes before them.
    """
    wanted = [part for word in words for part in word.lower().split()]
    first = meant(wanted)
    found: list[tuple[int, int, str, str]] = []
    for path, text in places():
        name, content = path.lower(), f"{path} {text}".lower()
        if all(word in content for word in wanted):
            last = name.rsplit(".", 1)[-1]
            rank = (
                0
                if last in wanted
                else 1
                if any(word in last for word in wanted)
                else 2
                if all(word in name for word in wanted)
                else 3
            )
            found.append((rank, path.count("."), path, text))
    return [*first, *((path, text) for _, _, path, text in sorted(found))]


def places() -> Iterator[tuple[str, str]]:
    """Yield each page and each key with what it says."""
    for page in pages().values():
        yield page.name, page.summary
        for path, key in key_tree.walk(page.keys, page.name):
            listed = f" ({' | '.join(key.values)})" if key.values else ""
            yield path, key.text + listed
        if page.group == GUIDES:
            for heading, text in sections(page.body):
                yield f"{page.name}: {heading}", text


def sections(body: str) -> Iterator[tuple[str, str]]:
    """Yield the headings of a guide with the first paragraph below each, and the rows of a table one by one."""
    parts = re.split(r"^##+ (.*)\n", body, flags=re.MULTILINE)[1:]
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        paragraphs = text.strip().split("\n\n")
        if not paragraphs[0].startswith("|"):
            yield heading, paragraphs[0].replace("\n", " ")
        for row in (line for one in paragraphs if one.startswith("|") for line in one.split("\n")[2:]):
            yield heading, ": ".join(cell.strip().strip("`") for cell in row.strip("|").split(" | ") if cell.strip())


def contents() -> str:
    """Return the table of contents."""
    known = pages()
    width = max(len(name) for name, page in known.items() if page.group != HAZARD_GROUP)
    lines: list[str] = []
    for group in GROUPS[:3]:
        lines += [f"# {group}", ""]
        lines += [f"  {page.name:<{width}}  {page.summary}" for page in known.values() if page.group == group]
        lines.append("")
    codes = [page.name for page in known.values() if page.group == HAZARD_GROUP]
    lines += [f"# {HAZARD_GROUP}", "", f"  {codes[0]} ... {codes[-1]}: {len(codes)} codes, as the plan names them", ""]
    lines += [
        "wgm-play doc table            a page",
        "wgm-play doc table.columns    a key of it",
        "wgm-play doc search rename    every page and key that speaks of it",
        "wgm-play doc --html DIR       all of it as a site",
    ]
    return "\n".join(lines) + "\n"
