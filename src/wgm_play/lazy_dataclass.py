"""Dataclasses whose methods are made when the first of them is used.

In: what `dataclasses.dataclass` takes. Out: the class that it returns; `fields`, `replace` and `asdict` work as ever.

The library compiles six methods for each class as its module is loaded, 0.6 ms a class; a command loads 300 classes and
uses a third of them. Made here at once are the slots alone. What has no slots, an order or a variable of the class, the
library makes at once.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **options: Any) -> Any:
        """Stand in for `dataclasses.dataclass`, with the same options."""
        return _made(cls, options) if cls is not None else lambda given: _made(given, options)


__all__ = ["dataclass"]

_COMPARED = ("__repr__", "__eq__", "__hash__")
_TOLD = ("__dataclass_fields__", "__dataclass_params__")
_WITHOUT_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")


def _made(given: type, options: dict[str, Any]) -> type:
    notes = inspect.get_annotations(given)
    if options.keys() - {"frozen", "slots"} or not options.get("slots") or _has_more_than_fields(notes.values()):
        return dataclasses.dataclass(**options)(given)
    frozen = options.get("frozen", False)
    made = _with_slots(given, notes, frozen)
    stubs = [name for name in ("__init__", *_COMPARED) if made.__dict__.get(name) is None]
    if not frozen:
        stubs.remove("__hash__")
    for name in stubs:
        setattr(made, name, _stub(made, given, name, frozen))
    for name in _TOLD:
        setattr(made, name, _Later(made, given, name, frozen))
    if frozen:
        for name in ("__setattr__", "__delattr__"):
            setattr(made, name, _refusing(made))
    return made


def _has_more_than_fields(notes: Any) -> bool:
    return any(word in str(note) for note in notes for word in _WITHOUT_FIELDS)


def _with_slots(given: type, notes: dict[str, Any], frozen: bool) -> type:
    """Return the class with its fields as slots; their defaults stay with the class as it was written."""
    inherited = {name for base in given.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    body = {name: value for name, value in _body(given).items() if name not in notes}
    body["__slots__"] = tuple(name for name in notes if name not in inherited)
    passed = [name for name in notes if getattr(given.__dict__.get(name), "init", True)]
    body.setdefault("__match_args__", tuple(dict.fromkeys((*getattr(given, "__match_args__", ()), *passed))))
    if frozen:
        body.setdefault("__getstate__", _state)
        body.setdefault("__setstate__", _set_state)
    else:
        body.setdefault("__hash__", None)
    made = type(given)(given.__name__, given.__bases__, body)
    made.__qualname__ = given.__qualname__
    _point_super_to(made)
    return made


def _point_super_to(made: type) -> None:
    """Let `super()` in the class's methods mean the class that was made, as it means the one that was written."""
    for member in made.__dict__.values():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        code = getattr(function, "__code__", None)
        if code is not None and "__class__" in code.co_freevars:
            function.__closure__[code.co_freevars.index("__class__")].cell_contents = made
            return


def _body(given: type) -> dict[str, Any]:
    return {name: value for name, value in given.__dict__.items() if name not in ("__dict__", "__weakref__")}


def _by_library(given: type, **options: bool) -> Mapping[str, Any]:
    """Return what the library makes of a class, which stays as it was written."""
    copy = type(given)(given.__name__, given.__bases__, _body(given))
    copy.__qualname__ = given.__qualname__
    return dataclasses.dataclass(slots=True, **options)(copy).__dict__


def _stub(made: type, given: type, name: str, frozen: bool) -> Callable[..., Any]:
    def stub(self: Any, /, *args: Any, **named: Any) -> Any:
        parts = {"init": name == "__init__", "repr": name == "__repr__", "eq": name in ("__eq__", "__hash__")}
        setattr(made, name, _by_library(given, frozen=frozen, **parts)[name])
        return getattr(made, name)(self, *args, **named)

    return stub


def _refusing(made: Any) -> Callable[..., None]:
    def refuse(self: Any, name: str, *value: Any) -> None:
        if type(self) is made or name in made.__match_args__:
            raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")
        (object.__setattr__ if value else object.__delattr__)(self, name, *value)

    return refuse


class _Later:
    """What the library tells about a class, made when it is first asked for."""

    __slots__ = ("frozen", "given", "made", "name")

    def __init__(self, made: type, given: type, name: str, frozen: bool) -> None:
        self.made, self.given, self.name, self.frozen = made, given, name, frozen

    def __get__(self, instance: Any, owner: type) -> Any:
        library = _by_library(self.given, frozen=self.frozen)
        for name in _TOLD:
            setattr(self.made, name, library[name])
        return library[self.name]


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
