"""The moving picture of a terminal in the README: `python tests/docs/picture.py` runs the commands and draws it again.

In: commands, run in a new project. Out: `src/wgm_play/reference/site/terminal.svg`, text that a browser animates.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[2] / "src" / "wgm_play" / "reference" / "site" / "terminal.svg"
COLUMNS, ROWS = 92, 25
CHARACTER, LINE, LEFT, TOP = 8.43, 19.0, 18, 54
KEY_SECONDS, READ_SECONDS, LAST_SECONDS = 0.045, 1.6, 5.0
COLOURS = {
    "31": "#f0776a",
    "32": "#74c98f",
    "33": "#e5c07b",
    "34": "#7db8e8",
    "35": "#d08bd8",
    "36": "#6cc7c7",
    "2": "#7d8b85",
}
EDIT = ("playbooks/schema/001_tables.yml", "      due:     date", "      notes:   text\n      due:     date")
SCENES = (
    ("wgm-play init shop && cd shop", ()),
    ("wgm-play development.yml", ()),
    ("echo 'tasks get a column: notes: text' # an edit of one line of YAML", ()),
    ("wgm-play development.yml --check --diff", ()),
    ("wgm-play development.yml | tail -3", ()),
    ("wgm-play rollback development.yml | tail -3", ()),
)


def recorded() -> list[tuple[str, list[str]]]:
    """Run the commands; return each with what it said."""
    with tempfile.TemporaryDirectory(prefix="wgm-picture-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)
        scenes = []
        for command, _ in SCENES:
            if command.startswith("echo"):
                path = place / "shop" / EDIT[0]
                path.write_text(path.read_text().replace(EDIT[1], EDIT[2], 1))
            folder = place / "shop" if (place / "shop").exists() else place
            environ = {**os.environ, "FORCE_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=False
            )
            said = re.sub(r"://postgres:[^@]+@", "://postgres:***@", done.stdout + done.stderr)
            scenes.append((command, [] if command.startswith("echo") else said.rstrip("\n").split("\n")))
        subprocess.run(
            ["/bin/sh", "-c", "wgm-play stop development.yml"],
            cwd=place / "shop",
            env=environ,
            capture_output=True,
            check=False,
        )
        return scenes


def spans(line: str) -> list[str]:
    """Return a line with ANSI colours as SVG: more than one where the terminal is narrower."""
    made, colour = [""], ""
    used = 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            codes = part[2:-1].split(";")
            colour = next((COLOURS[code] for code in codes if code in COLOURS), "")
            continue
        left = part
        while left:
            if used == COLUMNS:
                made.append("")
                used = 0
            text, left = left[: COLUMNS - used], left[COLUMNS - used :]
            used += len(text)
            made[-1] += f'<tspan fill="{colour}">{escape(text)}</tspan>' if colour else escape(text)
    return made


def drawn(scenes: list[tuple[str, list[str]]]) -> str:
    """Return the picture: each line appears at its moment, the page scrolls as a terminal does."""
    lines: list[tuple[float, str]] = []  # when, what
    moves: list[tuple[float, int]] = []
    # The first command stands there from the beginning: a still picture, as of a reader that animates nothing, is not empty.
    now = -len(scenes[0][0]) * KEY_SECONDS

    def put(text: str) -> None:
        lines.append((now, text))
        if len(lines) > ROWS:
            moves.append((now, len(lines) - ROWS))

    for command, said in scenes:
        edited = command.startswith("echo")
        shown = "# an edit: one line of YAML, `notes: text`" if edited else command
        begun, typed = now, ""
        for number, character in enumerate(shown):
            colour = ' fill="#7d8b85"' if edited else ""
            typed += f'<tspan{colour} class="k" style="animation-delay:@{begun + number * KEY_SECONDS:.2f}@">{escape(character)}</tspan>'
        put(f'<tspan fill="#74c98f">$ </tspan>{typed}')
        now += len(shown) * KEY_SECONDS + 0.35
        for line in said:
            for row in spans(line):
                put(row)
            now += 0.02
        now += READ_SECONDS if said else 0.6
    total = now + LAST_SECONDS

    def percent(at: float) -> str:
        return f"{max(at, 0.0) / total * 100:.2f}%"

    body, rules = "", ""
    for number, (at, written) in enumerate(lines):
        y = TOP + number * LINE
        text = re.sub(
            r'class="k" style="animation-delay:@(-?[\d.]+)@"',
            lambda found: f'class="k{percent(float(found[1]))[:-1].replace(".", "_")}"',
            written,
        )
        if at > 0:
            rules += f"@keyframes l{number}{{0%,{percent(at)}{{visibility:hidden}}{percent(at + 0.01)},100%{{visibility:visible}}}}.l{number}{{animation:l{number} {total:.2f}s infinite step-end}}\n"
        body += f'<text class="l{number}" x="{LEFT}" y="{y:.0f}">{text}</text>\n'
    for key in sorted(set(re.findall(r'class="k([\d_]+)"', body))):
        at = key.replace("_", ".")
        if float(at) > 0:
            rules += f"@keyframes k{key}{{0%,{at}%{{fill-opacity:0}}{float(at) + 0.01:.2f}%,100%{{fill-opacity:1}}}}.k{key}{{animation:k{key} {total:.2f}s infinite step-end}}\n"
    steps = "".join(f"{percent(at)}{{transform:translateY({-rows * LINE:.0f}px)}}" for at, rows in moves)
    last = f"100%{{transform:translateY({-(len(lines) - ROWS) * LINE:.0f}px)}}" if moves else ""
    rules += f"@keyframes s{{0%{{transform:none}}{steps}{last}}}.s{{animation:s {total:.2f}s infinite step-end}}\n"
    still = f".s{{transform:translateY({-max(0, len(lines) - ROWS) * LINE:.0f}px)}}"
    width, height = LEFT * 2 + COLUMNS * CHARACTER, TOP + ROWS * LINE + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="wgm-play in a terminal">\n'
        "<!-- made by tests/docs/picture.py -->\n<style>\n"
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#dfe7e3;white-space:pre}\n"
        f"{rules}@media (prefers-reduced-motion:reduce){{*{{animation:none!important}}{still}}}\n</style>\n"
        f'<rect width="100%" height="100%" rx="12" fill="#101513"/>\n'
        '<circle cx="22" cy="20" r="6" fill="#f0776a"/><circle cx="42" cy="20" r="6" fill="#e5c07b"/><circle cx="62" cy="20" r="6" fill="#74c98f"/>\n'
        f'<svg y="{TOP - 18}" height="{ROWS * LINE + 10:.0f}" width="100%" overflow="hidden"><g transform="translate(0,{18 - TOP})"><g class="s">\n{body}</g></g></svg>\n</svg>\n'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(recorded()), encoding="utf-8")
