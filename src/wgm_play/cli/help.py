"""Help pages, made from the same data as the parser.

In: a `Spec`. Out: the text of its page. Knows nothing of click: `--help` answers before click is imported.
"""

from __future__ import annotations

from wgm_play.cli.commands import COMMANDS, PLAY
from wgm_play.cli.options import CHOICE, COUNT, FLAG, GROUPS, LIST, Option, Spec

COLUMN = 30
WIDTH = 100

EXITS = (
    ("0", "done, changed or not"),
    ("1", "bad input or usage: nothing was touched"),
    ("2", "a step failed, or the connection was lost after a change: the same command resumes"),
    ("4", "the database cannot be reached or refuses us, before the first change"),
    ("10", "with --check --detailed-exitcode: changes are pending"),
    ("11", "refused by policy, a gate, an invariant, data or a privilege that is missing: nothing was touched"),
    ("12", "a finding: drift, ill health, an alert, a lint error"),
    ("13", "another run holds the lock: try again"),
    ("130", "interrupted: cancelled on the server too, resumable"),
)


def page(spec: Spec, colour: bool = False) -> str:
    """Return the help page of a command; that of `PLAY` is the page of the whole program."""
    blocks = [_usage(spec, colour)]
    if spec is PLAY:
        blocks.append(
            _section("Commands", [(name, each.summary) for name, each in COMMANDS.items()], colour, "wgm-play ")
        )
    else:
        about = f"{spec.summary[0].upper()}{spec.summary[1:]}."
        blocks.append("\n".join(_wrapped(f"{about} {spec.about}".strip(), WIDTH)))
    if spec.arguments and spec is not PLAY:
        blocks.append(_section("Arguments", [(argument.name, argument.help) for argument in spec.arguments], colour))
    for group in GROUPS:
        rows = [(_names(option), option.help) for option in spec.options if option.group == group]
        if spec is PLAY and group == GROUPS[-1]:
            rows.append(("    --version", "show the version"))
        if rows:
            blocks.append(_section(group, rows, colour))
    blocks.append(_examples(spec, colour))
    if spec is PLAY:
        blocks.append(_section("Exit codes", list(EXITS), colour))
        blocks.append("More: wgm-play COMMAND --help, wgm-play doc, wgm-play doc table")
    return "\n\n".join(block for block in blocks if block) + "\n"


def _usage(spec: Spec, colour: bool) -> str:
    words = [argument.name if argument.required else f"[{argument.name}]" for argument in spec.arguments]
    line = " ".join(["wgm-play", *([spec.name] if spec.name else []), *words, "[OPTIONS]"])
    if spec is not PLAY:
        return f"{_bold('Usage:', colour)} {line}"
    about = (
        "Brings PostgreSQL databases to what reviewed YAML playbooks declare, without downtime, and can take that back."
    )
    return f"{_bold('Usage:', colour)} {line}\n       wgm-play COMMAND ...\n\n{about}"


def _section(title: str, rows: list[tuple[str, str]], colour: bool, prefix: str = "") -> str:
    lines = [_bold(f"{title}:", colour)]
    width = min(COLUMN, max(len(left) for left, _ in rows) + len(prefix) + 4)
    for left, right in rows:
        lead = f"  {prefix}{left}"
        wrapped = _wrapped(right, WIDTH - width)
        if len(lead) + 2 > width:
            lines.append(lead)
            lead = ""
        lines.append(f"{lead:<{width}}{wrapped[0]}")
        lines += [f"{'':<{width}}{line}" for line in wrapped[1:]]
    return "\n".join(lines)


def _examples(spec: Spec, colour: bool) -> str:
    if not spec.examples:
        return ""
    width = max(len(command) for command, _ in spec.examples)
    lines = [f"  {command:<{width}}   {why}".rstrip() for command, why in spec.examples]
    return "\n".join([_bold("Examples:", colour), *lines])


def _names(option: Option) -> str:
    names = ", ".join(option.names)
    shown = names if not option.names[0].startswith("--") or option.kind == COUNT else f"    {names}"
    if option.kind in (FLAG, COUNT):
        return shown
    value = "|".join(option.choices) if option.kind == CHOICE else option.value
    return f"{shown} {value}{'...' if option.kind == LIST and '|' not in value and not value.endswith('S') else ''}"


def _wrapped(text: str, width: int) -> list[str]:
    """Break `text` into lines of at most `width` (textwrap costs ten milliseconds at start-up)."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _bold(text: str, colour: bool) -> str:
    return f"\033[1m{text}\033[0m" if colour else text
