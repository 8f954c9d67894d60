"""Our dataclasses behave as the standard library's."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from wgm_play import records
from wgm_play.catalog.table import Table
from wgm_play.plan import Lock


class Thing:
    """A thing."""

    name: str
    size: int = 3
    parts: list[str] = dataclasses.field(default_factory=list)


class Only:
    """One field."""

    name: str = "x"


class Empty:
    """No field."""


class Told:
    """Its own words."""

    name: str

    def __repr__(self) -> str:
        return "told"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


def both(cls: type, **flags: bool) -> tuple[Any, Any]:
    """Return what the standard library and what we make of a class."""
    return tuple(
        make(**flags)(
            type(cls.__name__, (), {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")})
        )
        for make in (dataclasses.dataclass, records.dataclass)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("cls", [Thing, Only, Empty, Told])
def test_a_record_is_the_dataclass_that_the_standard_library_makes(cls: type, frozen: bool) -> None:
    theirs, ours = both(cls, frozen=frozen, slots=True)
    assert ours.__slots__ == theirs.__slots__
    assert ours.__match_args__ == theirs.__match_args__
    assert str(ours.__dataclass_params__) == str(theirs.__dataclass_params__)
    assert [(one.name, one.default) for one in dataclasses.fields(ours)] == [
        (one.name, one.default) for one in dataclasses.fields(theirs)
    ]
    given = ("a",) if "name" in theirs.__slots__ else ()
    for made in (theirs, ours):
        one, other = made(*given), made(*given)
        assert one == other
        assert one != object() or cls is Told
        assert repr(one) == repr(theirs(*given)).replace("both.<locals>.", "")
        assert dataclasses.replace(one) == one
        assert copy.deepcopy(one) == one
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)


def test_a_record_has_defaults_of_its_own_and_says_what_is_missing() -> None:
    _, ours = both(Thing, frozen=True, slots=True)
    one = ours("a", parts=["x"])
    assert (one.name, one.size, one.parts, ours("b").parts) == ("a", 3, ["x"], [])
    assert ours("b").parts is not ours("b").parts
    assert dataclasses.asdict(dataclasses.replace(one, size=4)) == {"name": "a", "size": 4, "parts": ["x"]}
    with pytest.raises(TypeError, match=r"Thing.__init__\(\) missing 1 required positional argument: 'name'"):
        ours()


def test_a_frozen_record_cannot_be_changed_and_is_a_key() -> None:
    _, ours = both(Only, frozen=True, slots=True)
    one = ours("a")
    assert {one: 1}[ours("a")] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.name


def test_our_classes_are_such_records() -> None:
    assert dataclasses.is_dataclass(Table)
    one = Lock("AccessShare", "a")
    assert copy.copy(one) == one
    assert hash(one) == hash(Lock("AccessShare", "a"))
