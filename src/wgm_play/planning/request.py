"""What is to be planned: a play as it is folded, what the command line decides, and the database as it is.

In: nothing. Out: a dataclass. It is read by every stage of a plan and changed by none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wgm_play.catalog.model import Catalog, Key
from wgm_play.environment import Environment
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import TableSize
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.model import Choices
from wgm_play.playbook.model import Declarations, Play, Playbook

if TYPE_CHECKING:
    from wgm_play.planning.edited_part import EditedPart


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """One play to be planned for one database.

    `sizes` are given where they are not those of the live tables: a rehearsal chooses the forms that the original's sizes
    ask for. `part` is what alone is planned where an edit touches no more. `paused` is what a rollback changes back while
    the pool is paused, as the runs did that it takes back.
    """

    playbook: Playbook
    play: Play
    folded: Declarations
    environment: Environment
    choices: Choices
    step_names: tuple[str, ...]
    live: Catalog
    imperative: Imperative
    sizes: Mapping[Key, TableSize] | None = None
    part: EditedPart | None = None
    paused: frozenset[Key] = frozenset()
