"""What a branch calls otherwise: a project's folder, an environment.

In: which files were renamed, as git knows it. Out: the folder as it was; plays as they were, under the names of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from wgm_play.environment import FOLDER as ENVIRONMENTS
from wgm_play.review.git import Repository
from wgm_play.run.opening import Loaded


def project_of_file(repository: Repository, commit: str, file: str, project: str) -> str:
    """Return the folder of the project that a playbook was in: this one, else the nearest with environments, else its own."""
    path = PurePosixPath(file)
    if path.is_relative_to(project):
        return project
    above = [str(one) for one in path.parents]
    return next((one for one in above if repository.holds(commit, str(PurePosixPath(one) / ENVIRONMENTS))), above[0])


def under_names_of_now(
    before: Sequence[Loaded], now: Sequence[Loaded], renamed: Mapping[str, str]
) -> tuple[list[Loaded], list[str]]:
    """Return plays as they were, those whose environment is called otherwise under its name of now; and what is to be said of these."""
    hosts = {one[1].hosts for one in now}
    names = {
        PurePosixPath(old).stem: PurePosixPath(new).stem
        for new, old in renamed.items()
        if all(PurePosixPath(one).parent.name == ENVIRONMENTS for one in (old, new))
    }
    names = {old: new for old, new in names.items() if new in hosts and old not in hosts}
    said = [f"the environment {old} is called {new} now: it is compared with that" for old, new in names.items()]
    return [_called(one, names.get(one[1].hosts)) for one in before], said


def _called(one: Loaded, name: str | None) -> Loaded:
    """Return a play with its environment called otherwise; the database keeps the mark that it has."""
    if name is None:
        return one
    number, play, environment, playbook = one
    marked = environment.marker or environment.name
    return number, replace(play, hosts=name), replace(environment, name=name, marker=marked), playbook
