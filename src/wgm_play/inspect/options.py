"""What the command line says of an inspection.

In: nothing. Out: `Inspection`.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass

ENVIRONMENT = "production"
DOMAIN, SCHEMA, KIND = "by-domain", "by-schema", "by-kind"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the command line says: `output` is a file (its name ends in .yml or .yaml), a folder, or None."""

    url: str | None
    output: str | None = None
    environment: str = ENVIRONMENT
    baseline: bool = False
    folder: str | None = None
    tool: str = "auto"
    split: str = DOMAIN
