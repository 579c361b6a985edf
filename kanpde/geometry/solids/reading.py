"""Solids read back from plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry.box import box_from_data
from kanpde.geometry.solids import plane, space
from kanpde.geometry.solids.piece import Motion
from kanpde.geometry.solids.shape import Extruded, Shape
from kanpde.geometry.solids.solid import (
    Combination,
    Common,
    Difference,
    Moved,
    Primitive,
    Solid,
    United,
)

_COMBINATIONS: dict[str, type[Combination]] = {
    kind.kind: kind for kind in (United, Common, Difference)
}
READERS: dict[str, Callable[[Mapping[str, Any]], Solid]] = {**plane.READERS, **space.READERS}


def solid_from_tree(tree: Mapping[str, Any]) -> Solid:
    """The solid of `Solid.to_tree`; raises KanpdeError for one of an unknown kind."""
    if "moved" in tree:
        moved = solid_from_tree(tree["moved"])
        assert isinstance(moved, Primitive)
        turn = tuple(tuple(float(v) for v in row) for row in tree["turn"])
        shift = tuple(float(v) for v in tree["shift"])
        return Moved(moved, Motion(turn, float(tree["scale"]), shift))
    for kind, data in tree.items():
        if kind in _COMBINATIONS:
            first, second = map(solid_from_tree, data)
            return _COMBINATIONS[kind](first, second)
        if kind in READERS:
            return READERS[kind](data)
    raise KanpdeError(f"the solid is of no known kind ({', '.join(map(str, tree))})")


def shape_from_data(data: Mapping[str, Any]) -> Shape:
    """The shape of `Shape.to_data`."""
    solid = solid_from_tree(data["shape"])
    if "over" not in data:
        return solid
    return Extruded(solid, box_from_data(data["over"]).axes)
