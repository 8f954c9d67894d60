"""What a run is for.

In: nothing. Out: a dataclass.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Intent:
    """A run makes the database as the play says, or takes the runs `rolls_back` back, told as one step `title`."""

    rolls_back: tuple[int, ...] = ()
    title: str | None = None

    @property
    def applies(self) -> bool:
        """Tell whether the run is one of the play's steps."""
        return not self.rolls_back

    @property
    def command(self) -> str:
        """The word that the ledger has for it."""
        return "apply" if self.applies else "rollback"


APPLY = Intent()
