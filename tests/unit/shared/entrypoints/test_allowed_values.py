"""The allowed values of a field are found wherever its type says them."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest

from shared.entrypoints.allowed_values import allowed_values


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Circle(msgspec.Struct, tag_field="shape", tag="circle", rename="camel"):
    fill_colour: Colour


class Square(msgspec.Struct, tag_field="shape", tag="square"):
    size: Literal["small", "large"]


class Drawing(msgspec.Struct):
    title: str
    mode: Annotated[Literal["z", "a"] | None, msgspec.Meta(description="order is kept")] = None
    figure: Circle | Square | None = None
    figures: list[Circle | Square] = []
    named: dict[str, Square] = {}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("mode", ("z", "a")),
        ("figure.fillColour", ("red", "blue")),
        ("figure.size", ("small", "large")),
        ("figure.shape", ("circle", "square")),
        ("figures[0].size", ("small", "large")),
        ("figures[...].fillColour", ("red", "blue")),
        ("named[...].size", ("small", "large")),
        ("title", ()),
        ("unknown.field", ()),
        ("title.field[0]", ()),
        ("", ()),
    ],
)
def test_the_values_of_a_path(path: str, values: tuple[str, ...]) -> None:
    assert allowed_values([Drawing], path) == values


def test_values_of_several_types_are_listed_once() -> None:
    assert allowed_values([Square, Square, Circle], "size") == ("small", "large")
    assert allowed_values([], "size") == ()
