"""`dataclass`, as the standard library's, for the many classes that a command makes before it does anything.

In: a class. Out: the dataclass that `dataclasses` would make. The standard library compiles up to eight methods for each
class, one by one: half of the time of our imports in Python 3.11. Here only `__init__` is compiled, all else is shared.
"""

from __future__ import annotations

import dataclasses
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Any:
        """Return what makes a dataclass of a class, with equality, and where it is frozen with a hash."""
        return lambda cls: _made(cls, frozen, slots)


__all__ = ["dataclass"]

_MISSING = dataclasses.MISSING


def _made(cls: type, frozen: bool, slots: bool) -> Any:
    if _rare(cls):
        return dataclasses.dataclass(frozen=frozen, slots=slots)(cls)
    own = cls.__dict__.keys()
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    parameters = made.__dataclass_params__
    parameters.init = parameters.repr = parameters.eq = True
    parameters.frozen = frozen
    fields = dataclasses.fields(made)
    for name, method in _methods(fields, frozen).items():
        if name not in own:
            setattr(made, name, method)
    made.__init__ = _init(fields, frozen)
    made.__init__.__qualname__ = f"{made.__qualname__}.__init__"
    return made


def _rare(cls: type) -> bool:
    """Tell whether a class asks for more than is made here."""
    fields = [one for one in cls.__dict__.values() if isinstance(one, dataclasses.Field)]
    return hasattr(cls, "__post_init__") or not all(one.init and one.repr and one.compare for one in fields)


def _methods(fields: Sequence[dataclasses.Field[Any]], frozen: bool) -> dict[str, Any]:
    names = [one.name for one in fields]
    # With one name, an attrgetter returns no tuple.
    values: Callable[[Any], tuple[Any, ...]] = (
        operator.attrgetter(*names) if len(names) > 1 else lambda self: tuple(getattr(self, name) for name in names)
    )

    def same(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    if not frozen:
        return {"__repr__": _said, "__eq__": same, "__hash__": None}
    return {
        "__repr__": _said,
        "__eq__": same,
        "__hash__": lambda self: hash(values(self)),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _state,
        "__setstate__": _restore,
    }


def _init(fields: Sequence[dataclasses.Field[Any]], frozen: bool) -> Any:
    known: dict[str, Any] = {"_missing": _MISSING, "_set": object.__setattr__}
    parameters, lines = [], []
    for one in fields:
        name, value = one.name, one.name
        if one.default is not _MISSING:
            known[f"_default_{name}"] = one.default
            parameters.append(f"{name}=_default_{name}")
        elif one.default_factory is not _MISSING:
            known[f"_make_{name}"] = one.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    text = f"def __init__(self, {', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
    exec(text, known)  # noqa: S102 - as the standard library does: of the names of fields alone
    return known["__init__"]


def _said(self: Any) -> str:
    values = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self))
    return f"{self.__class__.__qualname__}({values})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
