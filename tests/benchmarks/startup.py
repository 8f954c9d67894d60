"""How much longer than `python -c pass` our quickest answers take.

In: nothing. Out: milliseconds above it, for --version and --help: the median of 20, taken in turns.
Exits 1 where one takes more than 60 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 20
ALLOWED_MS = 60.0


def took(command: list[str]) -> float:
    """Return the milliseconds of one call."""
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    """Measure and print."""
    installed = Path(sys.executable).with_name("wgm-play")
    command = [str(installed)] if installed.exists() else [sys.executable, "-m", "wgm_play"]
    calls = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [*command, "--version"],
        "--help": [*command, "--help"],
        "rollback --help": [*command, "rollback", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in [*calls.items()] * (ROUNDS + 1):
        times[name].append(took(call))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    floor = medians.pop("python -c pass")
    print(f"{'python -c pass':<20}{floor:8.1f} ms")
    for name, median in medians.items():
        print(f"{name:<20}{median - floor:+8.1f} ms")
    sys.exit(any(median - floor > ALLOWED_MS for median in medians.values()))


if __name__ == "__main__":
    main()
