"""How large the next batch is, and how long to rest before it: from how long the last one took.

In: the seconds that batches took. Out: sizes and pauses. Pure, so that it is tested without a server.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST, LARGEST = 10, 50_000
# A batch aims below its time, because one that is too long holds rows that the application waits for.
AIM = 0.7
# Rest at least this share of a batch's time, so that the application finds the machine free now and then.
SHORTEST_REST, LONGEST_REST = 0.15, 3.0


@dataclass(slots=True)
class Pace:
    """The size of batches: it follows `target` seconds a batch; pauses grow when a row takes longer than at best."""

    target: float = 0.1
    size: int = 200
    best: float | None = None

    def after(self, seconds: float, rows: int) -> float:
        """Note that a batch of `rows` took `seconds`; return the pause before the next."""
        each = seconds / max(rows, 1)
        # The best drifts up slowly: rows may differ from one end of a table to the other.
        self.best = each if self.best is None else min(each, self.best * 1.01)
        grow = self.target * AIM / max(seconds, 1e-6)
        self.size = max(SMALLEST, min(LARGEST, round(self.size * max(0.3, min(1.5, grow)))))
        pressure = each / self.best - 1
        return min(seconds, self.target * 2) * max(SHORTEST_REST, min(LONGEST_REST, pressure))

    def smaller(self) -> None:
        """A batch failed for a lock: the next one holds fewer rows."""
        self.size = max(SMALLEST, self.size // 4)
