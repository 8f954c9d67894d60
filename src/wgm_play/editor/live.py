"""The live catalog for hover: read only, from the environment that the person names, and only then.

In: a project, the name of an environment. Out: its catalog, kept for a minute; none where it cannot be had.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from wgm_play.catalog.model import Catalog
from wgm_play.errors import WgmError
from wgm_play.lazy_dataclass import dataclass

# Seconds for which a catalog is good enough to be shown.
KEPT = 60.0


@dataclass(slots=True)
class Live:
    """The catalogs of one environment, by project."""

    environment: str | None
    _kept: dict[Path, tuple[float, Mapping[str, Catalog]]] = field(default_factory=dict)

    def of(self, root: Path) -> Mapping[str, Catalog]:
        """Return the catalog of the project's environment by its name; nothing where none is named or it does not answer."""
        if self.environment is None:
            return {}
        kept = self._kept.get(root)
        if kept is None or time.monotonic() - kept[0] > KEPT:
            kept = (time.monotonic(), self._read(root, self.environment))
            self._kept[root] = kept
        return kept[1]

    def _read(self, root: Path, name: str) -> Mapping[str, Catalog]:
        import psycopg

        from wgm_play import embedded, server
        from wgm_play.catalog import introspect
        from wgm_play.environment import load_environment

        try:
            environment = load_environment(name, root, commands=False)
            if environment.embedded is not None and embedded.status(environment.embedded, root) is None:
                return {}
            with server.connect(environment, application_name="wgm-play lsp", project=root, read_only=True) as session:
                return {name: introspect.read(session)}
        except (WgmError, psycopg.Error):
            return {}
