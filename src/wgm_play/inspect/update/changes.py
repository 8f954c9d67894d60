"""In what two descriptions of one object differ: paths, with the new value or `GONE`.

In: what a step says of an object as the playbook has it, and as it is live. Out: `PathDifference`s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wgm_play.lazy_dataclass import dataclass

Path = tuple[str, ...]


class _Gone:
    """What is not said any more."""

    def __repr__(self) -> str:
        return "gone"


GONE: Any = _Gone()


@dataclass(frozen=True, slots=True)
class PathDifference:
    """A path below the kind's key, what is said there now, and what was."""

    path: Path
    value: Any
    before: Any = GONE


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[PathDifference]:
    """Return the differences, from the top down: what goes first, then what comes or changes."""
    old, new = as_mapping(old), as_mapping(new)
    for word in ("columns", "constraints"):  # each of them for itself, the first and the last too
        if word in old or word in new:
            old.setdefault(word, {})
            new.setdefault(word, {})
    found = list(_between((), old, new))
    return sorted(found, key=lambda one: one.value is not GONE)


def as_mapping(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step says with each column as a mapping."""
    made = dict(spec)
    for word in ("columns", "attributes"):
        if isinstance(made.get(word), Mapping):
            made[word] = {
                name: dict(one) if isinstance(one, Mapping) else {"type": one} for name, one in made[word].items()
            }
    return made


def _between(path: Path, old: Any, new: Any) -> Iterator[PathDifference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in old:
            if key not in new:
                yield PathDifference((*path, key), GONE, old[key])
            else:
                yield from _between((*path, key), old[key], new[key])
        for key in new:
            if key not in old:
                yield PathDifference((*path, key), new[key])
    elif old != new:
        yield PathDifference(path, new, old)


def value_at(spec: Any, path: Path) -> Any:
    """Return what a description says at a path; `GONE` where it says nothing."""
    value = as_mapping(spec) if isinstance(spec, Mapping) else spec
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return GONE
        value = value[step]
    return value


def keys_at(spec: Mapping[str, Any], path: Path) -> list[str]:
    """Return the keys beside a path, in their order."""
    value = value_at(spec, path[:-1])
    return list(value) if isinstance(value, Mapping) else []
