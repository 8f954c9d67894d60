"""Commands and what documentation says of them are one: each option reaches a parameter, each command line that is shown exists."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

import wgm_play
from wgm_play.cli.commands import COMMANDS, PLAY
from wgm_play.cli.options import Spec
from wgm_play.options import Options

GUIDE = Path(wgm_play.__file__).parent / "reference" / "guide"
SPECS = (PLAY, *COMMANDS.values())
# What the reporter is told by; it reaches no command.
OUTPUT = {"format", "no_color", "help"}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name or "play")
def test_a_command_takes_what_its_options_give(spec: Spec) -> None:
    module, _, function = spec.run.partition(":")
    runner = getattr(importlib.import_module(module), function)
    given = {one.to for one in (*spec.arguments, *spec.options)} - OUTPUT
    signature = inspect.signature(runner)
    signature.bind(None, **dict.fromkeys(given))
    if "on_playbook" in inspect.getsource(runner):
        kept = given - set(signature.parameters)
        assert kept <= {one.name for one in dataclasses.fields(Options)}, kept


def shown() -> list[tuple[str, str]]:
    """Return the command lines of the guide and of the commands' own examples, each with where it stands."""
    found = [(spec.name or "play", line) for spec in SPECS for line, _ in spec.examples]
    for file in sorted(GUIDE.glob("*.md")):
        found += [(file.stem, line) for line in re.findall(r"wgm-play [^`\n|>]+", file.read_text())]
    return found


def test_the_options_that_documentation_shows_are_there() -> None:
    unknown = []
    for where, line in shown():
        words = re.split(r"\s+[&#;(]|\s{2,}", line)[0].split()[1:]
        spec = COMMANDS.get(words[0], PLAY) if words else PLAY
        names = {name for one in spec.options for name in (*one.names, *one.aliases)}
        options = [word.partition("=")[0].rstrip(".,:;)'\"") for word in words if word.startswith("--")]
        unknown += [f"{where}: {line}: {one}" for one in options if one != "--" and one not in names]
    assert not unknown, "\n".join(unknown)
