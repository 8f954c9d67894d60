"""How large the next batch is, and how long to rest before it: from how long the last one took.

In: the seconds that batches and their COMMITs took. Out: sizes and pauses. Pure, so that it is tested without a server.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass

SMALLEST, LARGEST = 50, 50_000
# A batch aims below its time, because one that is too long holds rows that the application waits for.
AIM = 0.5
# Rest at least this share of a batch's time, so that the application finds the machine free now and then.
SHORTEST_REST, LONGEST_REST = 0.1, 2.0
# Longest rest for the disk's sake, in seconds.
LONGEST_FOR_DISK = 0.5
# How much the last batch counts in the usual time of a row, which others are compared with.
LAST_COUNTS = 0.1


@dataclass(slots=True)
class Pace:
    """The size of batches: it follows `target` seconds a batch; pauses grow when a row takes longer than it used to."""

    target: float = 0.1
    size: int = 200
    usual: float | None = None

    def after(self, seconds: float, rows: int, commit: float = 0.0) -> float:
        """Note that the statement for `rows` rows took `seconds`, and its COMMIT `commit`; return the pause before the next.

        The time of COMMIT makes no batch smaller: a small one takes as long. It is how long the disk is behind, and
        everybody's COMMIT with it: the disk is left to the others for as long again.
        """
        each = seconds / max(rows, 1)
        usual = each if self.usual is None else self.usual
        self.usual = usual + (each - usual) * LAST_COUNTS
        grow = self.target * AIM / max(seconds, 1e-6)
        self.size = max(SMALLEST, min(LARGEST, round(self.size * max(0.3, min(1.5, grow)))))
        pressure = each / max(usual, 1e-9) - 1
        rest = min(seconds, self.target * 2) * max(SHORTEST_REST, min(LONGEST_REST, pressure))
        return rest + min(commit, LONGEST_FOR_DISK)

    def smaller(self) -> None:
        """Somebody waits for a lock: the next batch holds fewer rows."""
        self.size = max(SMALLEST, self.size * 2 // 3)
