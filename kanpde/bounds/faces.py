"""Pieces of boundaries as charts: flat ones and arcs of circles, with their normals.

A chart maps rho, the distance along the outward normal, and parameters on the unit interval (along
the piece, and along further axes such as time) to points. All pieces of one kind are arrays; a part
of a piece is a box whose first column is the number of the piece and whose others are parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.field_models import Boxes
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import UNIT, UP, Monomials
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.meshes.part import BodyPart
from kanpde.geometry.solids.curves import Arc, Segment
from kanpde.geometry.solids.facet import Facet
from kanpde.geometry.solids.part import Part
from kanpde.geometry.solids.patches import Parallelogram
from kanpde.geometry.solids.piece import MovedPiece, Piece

# The ends of a visible part are roots found by bisection; a piece is taken so much longer.
_MARGIN = 1e-9
# The thickness of a chart at the end of a line, relative to the line. No search makes it smaller:
# at 1 / 64 a derivative was known to 9e-6 only, where the solution was wrong by 2e-9.
_DEPTH = 1 / 1024
# Facets of meshes that are flat.
FLAT_CELLS = ("line", "triangle")


@dataclass(frozen=True)
class Chart:
    """Coordinates as models, unit vectors `frame[direction][axis]` (the first is the outward
    normal), and by how much a direction reaches, (N, dimension), where its variable is 1.
    """

    points: list[TaylorModel]
    frame: list[list[TaylorModel]]
    reach: Array


class Patch(ABC):
    """Pieces of one kind.

    `own` of the parameters run along the piece, the others along further axes; `depth` is the
    thickness of a chart around a point.
    """

    own: int
    depth: float = 0.0

    @property
    @abstractmethod
    def lengths(self) -> Array:
        """Of each piece the length along each parameter, (K, dimension - 1)."""

    @abstractmethod
    def chart(self, space: Monomials, boxes: Boxes, stretch: float) -> Chart:
        """The chart on boxes that are `stretch` times as large."""

    def cut(self, largest: float) -> Boxes:
        """All of it in parts that are no longer than `largest`, but along axes of time."""
        if not self.lengths.shape[1]:  # points
            numbers = np.arange(len(self.lengths), dtype=float)[:, None]
            return Boxes(numbers, 0 * numbers)
        rows = []
        for number, lengths in enumerate(self.lengths):
            counts = np.maximum(np.ceil(lengths / largest), 1).astype(int)
            grids = np.meshgrid(*((np.arange(n) + 0.5) / n for n in counts), indexing="ij")
            centres = np.stack([g.ravel() for g in grids], 1)
            halves = np.broadcast_to(0.5 / counts * UP, centres.shape)
            first = np.full((len(centres), 1), float(number))
            rows.append((np.hstack([first, centres]), np.hstack([0 * first, halves])))
        return Boxes(np.concatenate([c for c, _ in rows]), np.concatenate([h for _, h in rows]))

    def _split(self, boxes: Boxes) -> tuple[AnyArray, Array, Array, Array]:
        """Numbers of pieces, parameters, their half widths, and a thickness as large as these."""
        numbers = np.rint(boxes.centres[:, 0]).astype(int)
        centres, halves = boxes.centres[:, 1:], boxes.halves[:, 1:]
        if self.own:
            away = (halves * self.lengths[numbers])[:, : self.own].max(1)
        else:
            away = np.full(len(boxes), self.depth)
        return numbers, centres, halves, away


@dataclass(frozen=True)
class Flats(Patch):
    """Parallelograms with right angles: origins (K, d), tangents (K, d - 1, d), normals (K, d)."""

    origins: Array
    tangents: Array
    normals: Array
    own: int
    depth: float = 0.0

    @property
    def lengths(self) -> Array:
        return np.asarray(np.linalg.norm(self.tangents, axis=2))

    def chart(self, space: Monomials, boxes: Boxes, stretch: float) -> Chart:
        numbers, centres, halves, away = self._split(boxes)
        origins, tangents = self.origins[numbers], self.tangents[numbers]
        normals, lengths = self.normals[numbers], self.lengths[numbers]
        middle = origins + np.einsum("nj,njd->nd", centres, tangents)
        size = np.abs(origins) + np.einsum("nj,njd->nd", np.abs(centres) + halves, np.abs(tangents))
        points = []
        for axis in range(space.dimension):
            rounding = 8 * (space.dimension + 2) * UNIT * (size[:, axis] + away)
            model = TaylorModel.constant(space, middle[:, axis], rounding)
            steps = [away * normals[:, axis], *(halves * tangents[:, :, axis]).T]
            for k, step in enumerate(steps):
                model.coefficients[_unit(space, k)] = stretch * step
            points.append(model)
        vectors = [normals, *(tangents / lengths[..., None]).swapaxes(0, 1)]
        frame = [
            [TaylorModel.constant(space, v[:, axis], 8 * UNIT) for axis in range(space.dimension)]
            for v in vectors
        ]
        reach = np.column_stack([away, halves * lengths]) * stretch
        return Chart(points, frame, reach)


@dataclass(frozen=True)
class Arcs(Patch):
    """Arcs of circles in the first two axes, times an interval for each further axis.

    `signs` are 1 where the outward normal points away from the centre, else -1.
    """

    centres: Array
    radii: Array
    starts: Array
    angles: Array
    signs: Array
    lower: Array
    spans: Array
    own: int = 1

    @property
    def lengths(self) -> Array:
        own = np.abs(self.radii * self.angles)[:, None]
        return np.hstack([own, np.broadcast_to(self.spans, (len(own), len(self.spans)))])

    def chart(self, space: Monomials, boxes: Boxes, stretch: float) -> Chart:
        numbers, centres, halves, away = self._split(boxes)
        radius, sign, turn = self.radii[numbers], self.signs[numbers], self.angles[numbers]
        middle = self.starts[numbers] + centres[:, 0] * turn
        angle = _linear(space, 1, middle, stretch * halves[:, 0] * turn)
        beyond = _linear(space, 0, radius, stretch * sign * away)
        cos, sin = angle.apply("cos"), angle.apply("sin")
        points = [
            beyond * direction + _exact(space, self.centres[numbers, k])
            for k, direction in enumerate((cos, sin))
        ]
        zero = TaylorModel.constant(space, np.zeros(len(boxes)))
        one = TaylorModel.constant(space, np.ones(len(boxes)))
        outward = _exact(space, sign)
        rest = space.dimension - 2
        frame = [[cos * outward, sin * outward, *([zero] * rest)], [-sin, cos, *([zero] * rest)]]
        reach = [away, halves[:, 0] * np.abs(turn) * radius]
        if (turn < 0).any():
            raise NotCovered("an arc runs clockwise")
        for k in range(rest):
            place = self.lower[k] + centres[:, 1 + k] * self.spans[k]
            points.append(_linear(space, 2 + k, place, stretch * halves[:, 1 + k] * self.spans[k]))
            frame.append([one if axis == 2 + k else zero for axis in range(space.dimension)])
            reach.append(halves[:, 1 + k] * self.spans[k])
        return Chart(points, frame, np.column_stack(reach) * stretch)


def _unit(space: Monomials, axis: int) -> int:
    return space.position[tuple(int(k == axis) for k in range(space.dimension))]


def _linear(space: Monomials, axis: int, centre: Array, step: Array) -> TaylorModel:
    rounding = 8 * UNIT * (np.abs(centre) + np.abs(step))
    model = TaylorModel.constant(space, centre, rounding)
    model.coefficients[_unit(space, axis)] = step
    return model


def _exact(space: Monomials, value: Array) -> TaylorModel:
    return TaylorModel.constant(space, value, 2 * UNIT * np.abs(value))


# --- the patches of a region -----------------------------------------------------------------


def find_patches(region: Region, domain: Domain) -> list[Patch]:
    """The pieces of a boundary, in a domain that may be a window of time of the region's.

    Raises NotCovered for pieces that are neither flat nor circular.
    """
    if domain.is_box:
        return [_box_face(region, domain)]
    if isinstance(region, Part) and not region.values:
        return _solid_patches(region, domain)
    if isinstance(region, BodyPart) and region.boundary is not None and not region.values:
        return [_body_patch(region, domain)]
    raise NotCovered(f"bounds do not know the boundary {region.label}")


def _box_face(region: Region, domain: Domain) -> Patch:
    if region.end is None:
        raise NotCovered(f"{region.label} is not a whole face of the box")
    name, end = region.end
    d, at = domain.dimension, domain.names.index(name)
    lower, upper = domain.bounds
    origin = lower.copy()
    origin[at] = end
    # Those along space first, as in a shape.
    order = sorted((k for k in range(d) if k != at), key=lambda k: domain.axes[k].is_time)
    tangents = np.diag(upper - lower)[order]
    normal = np.zeros(d)
    normal[at] = 1.0 if end == domain.axis(name).upper else -1.0
    own = len(domain.space) - 1
    depth = float((upper - lower)[at]) * _DEPTH
    return Flats(origin[None], tangents[None], normal[None], own, depth)


def _further(domain: Domain, own: int) -> tuple[Array, Array]:
    lower, upper = domain.bounds
    return lower[own:], (upper - lower)[own:]


def _solid_patches(region: Part, domain: Domain) -> list[Patch]:
    flats: list[tuple[Array, Array, Array]] = []
    arcs: list[tuple[float, ...]] = []
    for facet in region.pieces:
        piece = facet.piece
        core: Piece = piece.piece if isinstance(piece, MovedPiece) else piece
        if isinstance(core, Segment):
            flats += _sides(facet)
        elif isinstance(core, Parallelogram):
            flats.append(_face(facet))
        elif isinstance(core, Arc) and core.radii[0] == core.radii[1] and core is piece:
            arcs += _arcs(facet, core)
        else:
            raise NotCovered(
                f"bounds know flat sides and circles in the plane, and {region.label} is neither"
            )
    own = len(region.domain.solid.coordinates)
    lower, spans = _further(domain, own)
    found: list[Patch] = []
    if flats:
        found.append(_widen(flats, lower, spans, own))
    if arcs:
        columns = np.array(arcs).T
        found.append(
            Arcs(columns[:2].T, columns[2], columns[3], columns[4], columns[5], lower, spans)
        )
    return found


def _sides(facet: Facet) -> list[tuple[Array, Array, Array]]:
    found = []
    for low, high in facet.intervals:
        ends = facet.place(np.array([[low - _MARGIN], [high + _MARGIN]]))
        found.append((ends.points[0], (ends.points[1] - ends.points[0])[None], ends.normals[0]))
    return found


def _face(facet: Facet) -> tuple[Array, Array, Array]:
    """All of a parallelogram, of which a part may not show."""
    corners = facet.place(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    origin, first, second = corners.points
    tangents = np.stack([first - origin, second - origin])
    if abs(tangents[0] @ tangents[1]) > 1e-12 * np.prod(np.linalg.norm(tangents, axis=1)):
        raise NotCovered("bounds know flat faces with right angles")
    return origin, tangents, corners.normals[0]


def _arcs(facet: Facet, core: Arc) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    span = core.stop - core.start
    sign = -1.0 if facet.inverted else 1.0
    for low, high in facet.intervals:
        start = core.start + (low - _MARGIN) * span
        turn = (high - low + 2 * _MARGIN) * span
        found.append((*core.centre, core.radii[0], start, turn, sign))
    return found


def _body_patch(region: BodyPart, domain: Domain) -> Patch:
    """Each facet of a mesh in a rectangle of its plane, along its longest side."""
    body = region.domain.body
    facets = body.surface.subset(body.find_facets(region.boundary or ()))
    unknown = [kind for kind in facets.cells if kind not in FLAT_CELLS]
    if unknown:
        raise NotCovered(f"bounds know flat facets of meshes, and these are {unknown[0]}")
    normals = facets.gauss(1)[0].normals
    assert normals is not None
    corners = np.concatenate([facets.nodes[numbers] for numbers in facets.cells.values()])
    flats = [_rectangle(nodes, n) for nodes, n in zip(corners, normals, strict=True)]
    lower, spans = _further(domain, body.dimension)
    return _widen(flats, lower, spans, body.dimension)


def _rectangle(nodes: Array, normal: Array) -> tuple[Array, Array, Array]:
    if len(nodes) == 2:
        return nodes[0], (nodes[1] - nodes[0])[None], normal
    sides = np.roll(nodes, -1, axis=0) - nodes
    longest = int(np.argmax(np.linalg.norm(sides, axis=1)))
    along = sides[longest] / np.linalg.norm(sides[longest])
    across = np.cross(normal, along)
    off = (nodes - nodes[longest]) @ np.stack([along, across]).T
    slack = 1e-12 * np.abs(off).max()
    low, high = off.min(0) - slack, off.max(0) + slack
    origin = nodes[longest] + low[0] * along + low[1] * across
    size = high - low
    return origin, np.stack([size[0] * along, size[1] * across]), normal


def _widen(
    flats: Sequence[tuple[Array, Array, Array]], lower: Array, spans: Array, own: int
) -> Flats:
    """Flat pieces in space, times an interval for each further axis."""
    count, further = len(flats), len(spans)
    d = own + further
    origins = np.hstack([np.stack([o for o, _, _ in flats]), np.tile(lower, (count, 1))])
    tangents = np.zeros((count, d - 1, d))
    tangents[:, : own - 1, :own] = np.stack([t for _, t, _ in flats])
    for k in range(further):
        tangents[:, own - 1 + k, own + k] = spans[k]
    normals = np.hstack([np.stack([n for _, _, n in flats]), np.zeros((count, further))])
    return Flats(origins, tangents, normals, own - 1)
