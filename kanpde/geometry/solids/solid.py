"""What every solid can do; primitives after motions; unions, intersections and differences."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Pole
from kanpde.geometry.solids.checks import read_number
from kanpde.geometry.solids.facet import Facet, Surroundings, arrange
from kanpde.geometry.solids.interior import measure_content
from kanpde.geometry.solids.naming import name_facets
from kanpde.geometry.solids.piece import Motion, MovedPiece, Piece
from kanpde.geometry.solids.shape import Shape
from kanpde.symbols.expression import Axis

# How far, relative to its size, a solid may stay behind the box of its primitives, and the margin
# of the box that is drawn around it then.
_SLACK, _MARGIN = 0.02, 1e-3
# Points by which it is seen whether a solid lies in another one.
_TRIALS = 512


class Solid(Shape):
    """A body in the plane or in space; its axes are those of the coordinates that it was given.

    `|` or `+` unite, `&` intersects, `-` subtracts.
    """

    coordinates: tuple[str, ...]
    # The texts of what it was before each of its motions.
    origins: tuple[str, ...] = ()

    @property
    def solid(self) -> Solid:
        return self

    @property
    def extra(self) -> tuple[Axis, ...]:
        return ()

    @cached_property
    def axes(self) -> tuple[Axis, ...]:  # type: ignore[override]
        lower, upper = self._finite_extent
        size = float(np.linalg.norm(upper - lower))
        reached = np.concatenate([f.outermost for f in self.facets])
        # A half of a disc does not reach where the disc does.
        low, high = reached.min(0) - _MARGIN * size, reached.max(0) + _MARGIN * size
        lower = np.where(low - lower > _SLACK * size, low, lower)
        upper = np.where(upper - high > _SLACK * size, high, upper)
        ends = zip(self.coordinates, lower, upper, strict=True)
        return tuple(Axis(n, float(a), float(b)) for n, a, b in ends)

    @property
    def _finite_extent(self) -> tuple[Array, Array]:
        lower, upper = self.extent
        if not np.isfinite([lower, upper]).all():
            raise KanpdeError(
                f"{self} has no end; intersect it with a solid that has one, such as "
                f"Rectangle(...) & {type(self).__name__}(...)"
            )
        return lower, upper

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Solid) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @cached_property
    def text(self) -> str:
        """A text that is the same for the same solid only."""
        return json.dumps(self.to_tree(), sort_keys=True)

    # --- what each kind of solid says --------------------------------------------------

    @property
    @abstractmethod
    def extent(self) -> tuple[Array, Array]:
        """The lower and upper corner (d,) of a box around it; infinite where it has no end."""

    @abstractmethod
    def level(self, points: Array) -> Array:
        """Negative inside, positive outside, with slope at most one: (N,) at points (N, d)."""

    @abstractmethod
    def primitives(self, *, inverted: bool = False) -> Iterator[tuple[Primitive, bool]]:
        """Its primitives, and whether each is subtracted."""

    @abstractmethod
    def to_tree(self) -> dict[str, Any]:
        """As JSON data, which `solid_from_tree` reads."""

    def after(self, motion: Motion) -> Solid:
        """The solid after a motion, which remembers what it was."""
        moved = self._move(motion)
        moved.origins = (*self.origins, self.text)
        return moved

    @abstractmethod
    def _move(self, motion: Motion) -> Solid: ...

    @abstractmethod
    def owners_of(self, primitive: str) -> tuple[Solid, ...]:
        """The solids in it, itself included, that hold a primitive, which is given by its text."""

    # --- combinations ------------------------------------------------------------------

    def __or__(self, other: Solid) -> Solid:
        return United(self, other)

    __add__ = __or__

    def __and__(self, other: Solid) -> Solid:
        return Common(self, other)

    def __sub__(self, other: Solid) -> Solid:
        return Difference(self, other)

    def cut_to(self, part: Solid) -> Solid:
        """What a solid has in common with this one: itself where it lies in it.

        Raises KanpdeError where nothing is in common.
        """
        if not isinstance(part, Solid):
            raise KanpdeError(f"region({part!r}): name a solid, such as disk or sheet - disk")
        common = self & part
        if not common.facets:  # raises where it is empty
            return common
        inside = [part.interior.sample(_TRIALS, 0), part.boundary().sample(_TRIALS, 0)]
        slack = 1e-9 * self.size
        if all((self.level(s.points) <= slack).all() for s in inside):
            return part
        return common

    # --- motions -----------------------------------------------------------------------

    def moved(self, **by: float) -> Solid:
        """Moved along its axes: `disk.moved(x=1)`."""
        self._check_names("moved", by)
        rest = Motion.rest(len(self.coordinates))
        shift = tuple(read_number(f"moved({n}=...)", by.get(n, 0.0)) for n in self.coordinates)
        return self.after(Motion(rest.turn, 1.0, shift))

    def turned(self, angle: float, axis: str | None = None) -> Solid:
        """Turned about the origin by an angle in radians, in space about an axis by its name."""
        size, angle = len(self.coordinates), read_number("turned(): the angle", angle)
        if size == 3 and axis not in self.coordinates:
            raise KanpdeError(f"turned() needs an axis: turned(angle, {self.coordinates[2]!r})")
        kept = None if size == 2 else self.coordinates.index(str(axis))
        first, second = [k for k in range(size) if k != kept]
        if kept == 1:
            first, second = second, first
        turn = np.eye(size)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[second, first], turn[first, second] = math.sin(angle), -math.sin(angle)
        return self.after(Motion(tuple(map(tuple, turn.tolist())), 1.0, (0.0,) * size))

    def scaled(self, factor: float) -> Solid:
        """Larger or smaller by a factor, about the origin."""
        factor = read_number("scaled(): the factor", factor)
        if not factor > 0:
            raise KanpdeError(f"scaled({factor:g}): the factor must be a positive number")
        rest = Motion.rest(len(self.coordinates))
        return self.after(Motion(rest.turn, float(factor), rest.shift))

    def mirrored(self, **at: float) -> Solid:
        """Mirrored: `solid.mirrored(x=0)` in the line or plane x = 0."""
        self._check_names("mirrored", at)
        if len(at) != 1:
            raise KanpdeError(f"mirrored() needs one coordinate: mirrored({self.coordinates[0]}=0)")
        ((name, value),) = at.items()
        turn, shift = np.eye(len(self.coordinates)), [0.0] * len(self.coordinates)
        k = self.coordinates.index(name)
        turn[k, k], shift[k] = -1.0, 2 * read_number(f"mirrored({name}=...)", value)
        return self.after(Motion(tuple(map(tuple, turn.tolist())), 1.0, tuple(shift)))

    def _check_names(self, what: str, given: dict[str, float]) -> None:
        for name in given:
            if name not in self.coordinates:
                names = ", ".join(self.coordinates)
                raise KanpdeError(f"{what}({name}=...): the axes of the solid are {names}")

    # --- the boundary ------------------------------------------------------------------

    @cached_property
    def facets(self) -> tuple[Facet, ...]:
        """The visible pieces of its boundary; raises KanpdeError where nothing is left of it."""
        found = arrange(list(self._all_facets()))
        if not found:
            raise KanpdeError(f"{self} is empty: nothing is left of it")
        return found

    @cached_property
    def facet_names(self) -> tuple[str, ...]:
        """A name for each facet."""
        return name_facets(self.facets)

    @cached_property
    def content(self) -> float:
        """The area or volume."""
        return measure_content(self)

    @cached_property
    def holes(self) -> tuple[Pole, ...]:
        """A circle in each primitive that was subtracted from a plane solid and lies inside."""
        if len(self.coordinates) != 2:
            return ()
        first, second = self.coordinates
        found = []
        for primitive, inverted in self.primitives():
            own = [f for f in self.facets if f.identity[0] == primitive.text]
            if inverted and own and all(f.inverted for f in own):
                lower, upper = primitive.extent
                middle = (lower + upper) / 2
                centre = float(middle[0]), float(middle[1])
                depth = -float(primitive.level(middle[None])[0])
                if depth > 0:
                    found.append(Pole((first, second), centre, depth))
        return tuple(found)

    def _all_facets(self) -> Iterator[Facet]:
        parts = list(self.primitives())
        lower, upper = self._finite_extent
        size = float(np.linalg.norm(upper - lower))
        seen: set[str] = set()
        for k, (primitive, inverted) in enumerate(parts):
            if primitive.text in seen:
                continue
            seen.add(primitive.text)
            others = tuple(p.level for j, (p, _) in enumerate(parts) if j != k)
            twins = tuple(p.level for p, _ in parts[:k])
            around = Surroundings(self.level, others, twins, size)
            holders = self.owners_of(primitive.text)
            owners = tuple(h.text for h in holders)
            origins = tuple(text for h in holders for text in h.origins)
            for number, piece in enumerate(primitive.pieces((lower, upper))):
                name = primitive.label
                identity = (primitive.text, number)
                yield Facet(piece, identity, owners, origins, inverted, name, around)


class Primitive(Solid):
    """A solid of one kind, given by numbers."""

    @property
    @abstractmethod
    def label(self) -> str:
        """One word for a person, or the name that it was given."""

    @abstractmethod
    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        """The pieces of its boundary, as far as they lie in bounds (lower, upper)."""

    def __repr__(self) -> str:
        return f"the {self.label}"

    def primitives(self, *, inverted: bool = False) -> Iterator[tuple[Primitive, bool]]:
        yield self, inverted

    def owners_of(self, primitive: str) -> tuple[Solid, ...]:
        return (self,) if primitive == self.text else ()

    def _move(self, motion: Motion) -> Solid:
        return Moved(self, motion)


class NamedPrimitive(Primitive):
    """A primitive with the name that it was given, or that of its kind."""

    name: str | None = None
    kind = "solid"

    @property
    def label(self) -> str:
        return self.name or self.kind

    def _tree(self, **numbers: Any) -> dict[str, Any]:
        data = {"axes": list(self.coordinates), **numbers}
        return {self.kind: data | ({"name": self.name} if self.name else {})}


class Moved(Primitive):
    """A primitive after a motion."""

    def __init__(self, primitive: Primitive, motion: Motion) -> None:
        self.primitive, self.motion = primitive, motion
        self.coordinates = primitive.coordinates

    @property
    def label(self) -> str:
        return self.primitive.label

    @property
    def extent(self) -> tuple[Array, Array]:
        lower, upper = self.primitive.extent
        if not np.isfinite([lower, upper]).all():
            # A half-plane stays one in every direction.
            return np.full(len(lower), -np.inf), np.full(len(lower), np.inf)
        corners = np.stack(np.meshgrid(*np.stack([lower, upper], 1)), -1).reshape(-1, len(lower))
        moved = self.motion.forth(corners)
        return moved.min(0), moved.max(0)

    def level(self, points: Array) -> Array:
        return self.motion.scale * self.primitive.level(self.motion.back(points))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        corners = np.stack(np.meshgrid(*np.stack(bounds, 1)), -1).reshape(-1, len(bounds[0]))
        back = self.motion.back(corners)
        own = self.primitive.pieces((back.min(0), back.max(0)))
        return tuple(MovedPiece(p.name, p, self.motion) for p in own)

    def _move(self, motion: Motion) -> Solid:
        return Moved(self.primitive, self.motion.then(motion))

    def to_tree(self) -> dict[str, Any]:
        motion = self.motion
        return {
            "moved": self.primitive.to_tree(),
            "turn": [list(row) for row in motion.turn],
            "scale": motion.scale,
            "shift": list(motion.shift),
        }


class Combination(Solid):
    """Two solids made one; raises KanpdeError where they have other axes."""

    kind: ClassVar[str]
    sign: ClassVar[str]

    def __init__(self, first: Solid, second: Solid) -> None:
        if not isinstance(second, Solid):
            raise KanpdeError(f"{first} {self.sign} {second!r}: the second is not a solid")
        if first.coordinates != second.coordinates:
            one, other = (", ".join(s.coordinates) for s in (first, second))
            raise KanpdeError(f"{first} has the axes {one}, and {second} has {other}")
        self.first, self.second = first, second
        self.coordinates = first.coordinates

    def __repr__(self) -> str:
        return f"({self.first} {self.sign} {self.second})"

    def primitives(self, *, inverted: bool = False) -> Iterator[tuple[Primitive, bool]]:
        yield from self.first.primitives(inverted=inverted)
        yield from self.second.primitives(inverted=inverted != (self.kind == "difference"))

    def owners_of(self, primitive: str) -> tuple[Solid, ...]:
        inner = self.first.owners_of(primitive) + self.second.owners_of(primitive)
        return (*inner, self) if inner else ()

    def _move(self, motion: Motion) -> Solid:
        return type(self)(self.first.after(motion), self.second.after(motion))

    def to_tree(self) -> dict[str, Any]:
        return {self.kind: [self.first.to_tree(), self.second.to_tree()]}

    @cached_property
    def extent(self) -> tuple[Array, Array]:
        lower, upper = self._join(self.first.extent, self.second.extent)
        if not (lower < upper).all():
            raise KanpdeError(f"{self} is empty: the two do not overlap")
        return lower, upper

    @staticmethod
    @abstractmethod
    def _join(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]: ...


class United(Combination):
    """What lies in one of two solids."""

    kind, sign = "union", "|"

    def level(self, points: Array) -> Array:
        return np.minimum(self.first.level(points), self.second.level(points))

    @staticmethod
    def _join(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return np.minimum(first[0], second[0]), np.maximum(first[1], second[1])


class Common(Combination):
    """What lies in both of two solids."""

    kind, sign = "intersection", "&"

    def level(self, points: Array) -> Array:
        return np.maximum(self.first.level(points), self.second.level(points))

    @staticmethod
    def _join(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return np.maximum(first[0], second[0]), np.minimum(first[1], second[1])


class Difference(Combination):
    """What lies in the first solid and not in the second."""

    kind, sign = "difference", "-"

    def level(self, points: Array) -> Array:
        return np.maximum(self.first.level(points), -self.second.level(points))

    @staticmethod
    def _join(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return first
