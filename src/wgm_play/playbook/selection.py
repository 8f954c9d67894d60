"""Which steps' operations run: tags and `--start-at-step`.

In: a play and what the command line says. Out: the indexes of the chosen steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgm_play.errors import InputError
from wgm_play.playbook.model import Play, Step
from wgm_play.playbook.schema_rules import nearest

# Ansible's words: `always` runs unless skipped, `never` only when named; the others stand for kinds of steps.
SPECIAL = ("all", "tagged", "untagged", "always", "never")


def selection(
    play: Play,
    tags: Iterable[str] = (),
    skip_tags: Iterable[str] = (),
    start_at_step: str | None = None,
) -> set[int]:
    """Return the indexes of the steps whose operations run: none of a play without the step to start at."""
    wanted, unwanted = _words(tags), _words(skip_tags)
    first = 0 if start_at_step is None else _first(play, start_at_step)
    if first is None:
        return set()
    return {step.index for step in play.steps if step.index >= first and _chosen(step, wanted or {"all"}, unwanted)}


def refuse_unknown(
    plays: Sequence[Play], tags: Iterable[str], skip_tags: Iterable[str], start_at_step: str | None
) -> None:
    """Raise `InputError` for a tag, or a step to start at, that is in none of the plays."""
    known = {tag for play in plays for step in (*play.steps, *play.handlers) for tag in step.tags}
    for tag in sorted(_words(tags) | _words(skip_tags)):
        if tag not in known and tag not in SPECIAL:
            hint = nearest(tag, sorted(known)) or (
                f"there are: {', '.join(sorted(known))}" if known else "no step has a tag"
            )
            raise InputError(f"no step has the tag {tag!r}", hint=hint)
    if start_at_step is None or any(_first(play, start_at_step) is not None for play in plays):
        return
    names = [step.name for play in plays for step in play.steps]
    near = nearest(start_at_step, names) or next(
        (f"did you mean {one!r}?" for one in names if start_at_step.lower() in one.lower()), None
    )
    raise InputError(f"no step is called {start_at_step!r}", hint=near or "see --list-steps")


def _words(given: Iterable[str]) -> set[str]:
    return {word.strip() for one in given for word in one.split(",") if word.strip()}


def _chosen(step: Step, wanted: set[str], unwanted: set[str]) -> bool:
    tags = step.tags
    named = bool(tags & wanted)
    run = (
        named
        or "always" in tags
        or ("all" in wanted and "never" not in tags)
        or ("tagged" in wanted and bool(tags) and "never" not in tags)
        or ("untagged" in wanted and not tags)
    )
    if not run:
        return False
    if tags & unwanted or ("all" in unwanted and "always" not in tags):
        return False
    return not (("tagged" in unwanted and tags) or ("untagged" in unwanted and not tags))


def _first(play: Play, name: str) -> int | None:
    return next((step.index for step in play.steps if step.name == name), None)
