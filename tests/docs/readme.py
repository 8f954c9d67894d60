"""README and guides as data: their fenced blocks, and how their consoles are played.

In: README.md, the guides of the documentation. Out: `blocks(language)`, `Console`, which runs commands in a folder and compares what they say.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import forking

ROOT = Path(__file__).parents[2]
# What only a shell understands.
FOR_THE_SHELL = set("|&;<>$`*?[](){}~!#\\\n")
GUIDES = ROOT / "src" / "wgm_play" / "reference" / "guide"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(GUIDES.glob("*.md")))}
README = "\n\n".join(TEXTS.values())
_FENCE = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words after that, its text, its line in a file."""

    language: str
    words: str
    text: str
    line: int
    file: str


def blocks(*languages: str, file: str | None = None) -> list[Block]:
    """Return the blocks in these languages, in their order; `file` is one of `TEXTS`."""
    found = [
        Block(match[1], match[2] or "", match[3], text[: match.start()].count("\n") + 1, name)
        for name, text in TEXTS.items()
        for match in _FENCE.finditer(text)
        if file in (None, name)
    ]
    return [block for block in found if block.language in languages]


@dataclass(slots=True)
class Console:
    """A shell in a folder. `…` in what is expected stands for any text; alone on a line, for any lines."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def play(self, block: Block) -> None:
        """Run the commands of a block and compare all that they say."""
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            if command.startswith("cd "):
                self.folder /= command.removeprefix("cd ")
                continue
            said = self.run(command)
            assert re.fullmatch(_pattern(expected), said), (
                f"{block.file}:{block.line}: $ {command}\nexpected:\n{expected}\nsaid:\n{said}"
            )

    def run(self, command: str) -> str:
        """Run one command line; return what it said on both streams."""
        places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": places, **self.environ}
        if command.startswith("wgm-play ") and not set(command) & FOR_THE_SHELL:
            words, program = shlex.split(command)[1:], forking.ON_THE_PATH
            return forking.run(*words, folder=self.folder, environ=environ, merged=True, program=program).stdout
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout

    def edit(self, block: Block) -> None:
        """Make the edit of a diff block, whose words name the file."""
        path, lines = self.folder / block.words, block.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{block.file}:{block.line}: {block.words} has no such lines"
        path.write_text(text.replace(before, after), encoding="utf-8")


def _pattern(expected: str) -> str:
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected.splitlines()
    ]
    return "".join(lines)
