"""Jobs of pg_cron, as its table has them.

In: rows of `templates/catalog/cron_job.sql`, in the order of the fields. Out: a frozen dataclass, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class CronJob:
    """A job of the role that reads (pg_cron: cron.job); `database` is None for the one that pg_cron lies in."""

    schedule: str
    command: str
    database: str | None = None
    active: bool = True
