"""The connections of one command: to the target, to scratch databases, to the server that stands in for the shadow.

In: an environment. Out: psycopg connections; an ephemeral server lives as long as this object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.environment import Environment
from wgm_play.errors import InputError
from wgm_play.shadow import Connect

if TYPE_CHECKING:
    import psycopg

READER = "wgm-play read"
ASKER = "wgm-play ask"


@dataclass(slots=True)
class Connections:
    """Opens connections for one environment."""

    environment: Environment
    project: Path
    target: server.Target

    @classmethod
    def of(cls, environment: Environment, project: Path) -> Connections:
        """Find the target, starting the embedded server where it does not run."""
        return cls(environment, project, server.target(environment, project))

    def read_only(self) -> psycopg.Connection[Any]:
        """Connect to the target in a session that may only read."""
        return server.connect(self.environment, application_name=READER, project=self.project, read_only=True)

    def asking(self) -> psycopg.Connection[Any]:
        """Connect to the target for one text of a playbook."""
        return server.connect(self.environment, application_name=ASKER, project=self.project, read_only=True)

    def writing(self, application_name: str) -> psycopg.Connection[Any]:
        """Connect to the target to change it."""
        return server.connect(self.environment, application_name=application_name, project=self.project)

    def on_target(self, database: str | None, application_name: str) -> psycopg.Connection[Any]:
        """Connect to a database of the target's server."""
        return server.connect(
            self.environment, application_name=application_name, project=self.project, database=database
        )

    def elsewhere(self) -> Connect | None:
        """Return how to connect to the server that holds the shadow where the target's must not."""
        if self.environment.shadow:
            url = self.environment.shadow
            return lambda database, name: server.connect_to(
                url, policy=self.environment.policy, application_name=name, database=database
            )
        from wgm_play import embedded

        try:
            found = embedded.start(embedded.SHADOW, self.project)
        except InputError:
            return None
        return lambda database, name: server.connect_to(
            found.url, policy=self.environment.policy, application_name=name, database=database
        )
