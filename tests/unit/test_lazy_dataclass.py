"""Dataclasses whose methods are made late are the library's in all that can be seen.

In: classes written once for the library and once for ours. Out: one failure for what differs.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from wgm_play.lazy_dataclass import dataclass as ours


def classes(dataclass: Callable[..., Any]) -> dict[str, Any]:
    """Return classes of each form that the package writes, made by one decorator."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        names: tuple[str, ...] = ()

        @property
        def far(self) -> bool:
            return self.x > 10

    @dataclass(frozen=True, slots=True)
    class Named(Point):
        label: str = field(default="", compare=False)

        def __repr__(self) -> str:
            return f"<{self.label}>"

    @dataclass(slots=True)
    class Bag:
        given: int
        held: list[int] = field(default_factory=list)
        made: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            self.made = self.given * 2

    @dataclass(slots=True)
    class Idle:
        given: int
        held: int | None = field(default=None, init=False)
        listed: list[int] = field(default_factory=list, init=False)

    @dataclass(slots=True)
    class Larger(Bag):
        more: int = 1

    @dataclass(frozen=True, slots=True)
    class Equal:
        x: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

        def __hash__(self) -> int:
            return 1

    return {one.__name__: one for one in (Point, Named, Bag, Idle, Larger, Equal)}


BOTH = [classes(dataclasses.dataclass), classes(ours)]


def outcome(action: Callable[[], Any]) -> Any:
    """Return what an action gives, or the error that it raises."""
    try:
        return action()
    except Exception as error:
        return type(error), str(error)


def seen(made: dict[str, Any], look: Callable[..., Any]) -> Any:
    """Return what a look at the classes gives, without the folder of names that differs between the two."""
    return outcome(lambda: look(**made))


@pytest.mark.parametrize(
    "look",
    [
        lambda Point, **_: repr(Point(1)),
        lambda Point, **_: (
            Point(1) == Point(1, 2),
            Point(1) == Point(2),
            Point(1) != 1,
            hash(Point(1)) == hash(Point(1)),
        ),
        lambda Point, **_: {Point(1): "a"}[Point(1)],
        lambda Point, **_: Point(),
        lambda Point, **_: Point(1, z=3),
        lambda Point, **_: setattr(Point(1), "x", 2),
        lambda Point, **_: delattr(Point(1), "x"),
        lambda Point, **_: [(one.name, one.default, one.init) for one in dataclasses.fields(Point)],
        lambda Point, **_: dataclasses.replace(Point(1), y=5).y,
        lambda Point, **_: dataclasses.asdict(Point(1)),
        lambda Point, **_: dataclasses.astuple(Point(1, names=("a",))),
        lambda Point, **_: (Point.__slots__, Point.__match_args__, Point.__doc__, Point.__name__, Point.__qualname__),
        lambda Point, **_: hasattr(Point(1), "__dict__"),
        lambda Point, **_: Point(11).far,
        lambda Point, **_: copy.deepcopy(Point(1, names=("a",))).names,
        lambda Point, **_: (Point.__dataclass_params__.frozen, Point.__dataclass_params__.eq),
        lambda Named, **_: (repr(Named(1, label="a")), Named(1, label="a") == Named(1, label="b"), Named.__slots__),
        lambda Named, Point, **_: (Named(1) == Point(1), isinstance(Named(1), Point), Named(1).y),
        lambda Named, **_: [one.name for one in dataclasses.fields(Named)],
        lambda Bag, **_: (repr(Bag(3)), Bag(3).made, Bag(1).held is Bag(1).held, Bag(1) == Bag(1)),
        lambda Bag, Larger, **_: (Bag.__match_args__, Larger.__match_args__),
        lambda Bag, **_: hash(Bag(1)),
        lambda Bag, **_: setattr(Bag(1), "unknown", 1),
        lambda Bag, **_: Bag(1, made=2),
        lambda Larger, **_: (repr(Larger(2, [1], 5)), Larger(2).made, dataclasses.replace(Larger(2), more=7).more),
        lambda Idle, **_: (repr(Idle(1)), Idle(1).held, Idle(1).listed is Idle(1).listed),
        lambda Equal, **_: (Equal(1) == Equal(2), hash(Equal(5))),
    ],
)
def test_what_a_class_does_is_what_the_library_would_make_it_do(look: Callable[..., Any]) -> None:
    library, late = (seen(made, look) for made in BOTH)
    assert late == library


@ours(slots=True)
class Base:
    """Kept by pickle, as it can be imported."""

    x: int

    def doubled(self) -> int:
        """Return twice the number."""
        return self.x * 2


@ours(frozen=True, slots=True)
class Kept:
    """Frozen, kept by pickle."""

    x: int
    y: tuple[int, ...] = ()


@ours(slots=True)
class Derived(Base):
    """Asks its base."""

    def doubled(self) -> int:
        """Return twice the number, and one."""
        return super().doubled() + 1


def test_super_finds_the_base_of_the_class_that_was_made() -> None:
    assert Derived(2).doubled() == 5


def test_instances_survive_pickle() -> None:
    for one in (Base(1), Kept(1, (2,))):
        assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes


def test_nothing_is_compiled_before_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    library = dataclasses.dataclass
    monkeypatch.setattr(dataclasses, "dataclass", lambda **options: made.append("one") or library(**options))
    late = classes(ours)
    assert made == []
    late["Point"](1)
    assert made == ["one"]
    late["Point"](2)
    assert made == ["one"], "the first use made it"
