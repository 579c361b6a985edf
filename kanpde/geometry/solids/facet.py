"""The facets of a solid: the pieces of its primitives, as far as they bound it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.geometry.solids.piece import Piece, Places

Level = Callable[[Array], Array]

# A step off the boundary, and the distance that counts as on it, relative to the solid's size.
STEP = 1e-6
NEAR = 1e-9
# Gauss-Legendre points for each panel of a curve, and the panels of an interval.
_GAUSS, _PANELS = 12, 16
# Lines across a surface that is partly hidden, and the points along each at which it is looked at.
_LINES, _ALONG = 600, 97
_BISECTIONS = 44
# Two of these places in an interval decide: a step off the boundary at the middle of a side alone
# fell into a hole that ended 1e-7 behind it, and the shape was said to be empty.
_WITHIN = np.array([0.31, 0.5, 0.83])
# A curve of which a smaller share is hidden only touches what hides it.
_HIDDEN = 1e-5
# The first cut of a curve, and the length, relative to the solid's, of a gap that may be missed.
_CUTS, _FINEST = 128, 2e-4

_FINE = np.linspace(0, 1, 257)


@dataclass(frozen=True)
class Surroundings:
    """What decides whether a piece bounds a solid.

    Attributes:
        level: of the whole solid, negative inside.
        others: levels of the other primitives, with slope at most one.
        twins: levels of earlier primitives, whose pieces stand for a common boundary.
        size: of the solid, a length.
    """

    level: Level
    others: tuple[Level, ...]
    twins: tuple[Level, ...]
    size: float


@dataclass(frozen=True, eq=False)
class Facet:
    """The visible part of one piece.

    `owners` are the keys of the primitive and of the combinations that it belongs to, `origins` of
    what these were before they were moved, and `identity` the key of the primitive with the number
    of the piece there. `inverted` says that the solid lies on the outer side of the primitive: it
    was subtracted.
    """

    piece: Piece
    identity: tuple[str, int]
    owners: tuple[str, ...]
    origins: tuple[str, ...]
    inverted: bool
    primitive: str
    around: Surroundings

    def place(self, unit: Array) -> Places:
        """As the piece's, with the normals that point out of the solid."""
        here = self.piece.place(unit)
        return Places(here.points, -here.normals, here.stretch) if self.inverted else here

    def shows(self, places: Places) -> AnyArray:
        """Which places (N,) bound the solid: it lies on their inner side, and only there."""
        around, step = self.around, STEP * self.around.size * places.normals
        found = (around.level(places.points - step) < 0) & (around.level(places.points + step) > 0)
        for twin in around.twins:
            found &= np.abs(twin(places.points)) > NEAR * around.size
        return np.asarray(found)

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Parameters (N, parameters) and weights (N,) that integrate over the visible part."""
        if self.piece.parameters == 1:
            return self._curve_nodes()
        return self._surface_nodes()

    @cached_property
    def measure(self) -> float:
        """The length or area of the visible part."""
        return float(self.nodes[1].sum())

    @property
    def outermost(self) -> Array:
        """Points (N, d) among which its outermost ones are, nearly."""
        if self.piece.parameters == 1:
            unit = (self.intervals[:, :1] + np.diff(self.intervals, axis=1) * _FINE).reshape(-1, 1)
            return self.place(unit).points
        return self.place(self.nodes[0]).points

    # --- curves ------------------------------------------------------------------------

    @cached_property
    def touches(self) -> bool:
        """Whether a curve comes to another primitive in a point, and is hidden nowhere else."""
        if self.piece.parameters > 1 or 1 - np.diff(self.intervals, axis=1).sum() > _HIDDEN:
            return False
        ends = self.place(np.array([[0.0], [1.0]])).points
        closed = np.allclose(ends[0], ends[1], rtol=0, atol=NEAR * self.around.size)
        # The ends of a segment lie on its neighbours.
        low, high = (0.0, 1.0) if closed else (0.02, 0.98)
        return any(self._find_gap(o, low, high) < NEAR * self.around.size for o in self._strangers)

    @property
    def _strangers(self) -> list[Level]:
        """The levels of other primitives that the curve does not lie on as a whole."""
        middle = self.place(np.array([[0.25], [0.5], [0.8]])).points
        slack = NEAR * self.around.size
        return [o for o in self.around.others if (np.abs(o(middle)) > slack).any()]

    def _find_gap(self, other: Level, low: float, high: float) -> float:
        """The least distance from another primitive, for parameters of an interval."""
        gap = np.inf
        for _ in range(5):
            units = np.linspace(low, high, 513)
            gaps = np.abs(other(self.place(units[:, None]).points))
            nearest, step = units[gaps.argmin()], units[1] - units[0]
            gap = min(gap, float(gaps.min()))
            low, high = max(nearest - step, 0.0), min(nearest + step, 1.0)
        return gap

    @cached_property
    def intervals(self) -> Array:
        """The visible intervals of the parameter of a curve, (k, 2)."""
        roots = [_roots(self, level) for level in self.around.others]
        cuts = np.unique(np.concatenate([[0.0, 1.0], *roots]))
        within = cuts[:-1, None] + np.diff(cuts)[:, None] * _WITHIN
        shown = self.shows(self.place(within.reshape(-1, 1))).reshape(within.shape)
        found: list[list[float]] = []
        for low, high, shows in zip(cuts[:-1], cuts[1:], shown.sum(1) > 1, strict=True):
            if shows and found and found[-1][1] == low:
                found[-1][1] = high
            elif shows:
                found.append([low, high])
        long = [i for i in found if i[1] - i[0] > 1e-9]
        return np.array(long).reshape(-1, 2)

    def _curve_nodes(self) -> tuple[Array, Array]:
        nodes, weights = gauss_panels(_PANELS)
        widths = np.diff(self.intervals, axis=1)
        unit = (self.intervals[:, :1] + widths * nodes).reshape(-1, 1)
        if not len(unit):
            return unit, np.empty(0)
        return unit, (widths * weights).ravel() * self.place(unit).stretch

    # --- surfaces ----------------------------------------------------------------------

    @cached_property
    def is_whole(self) -> bool:
        """Whether nothing hides a part of it."""
        if self.piece.parameters == 1:
            return bool(len(self.intervals) == 1 and np.diff(self.intervals[0])[0] == 1)
        line = (np.arange(64) + 0.5) / 64
        unit = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        places = self.place(unit)
        if not self.shows(places).all():
            return False
        reach = 2 * np.sqrt(float(places.stretch.max())) / 64
        return all(bool((np.abs(o(places.points)) > reach).all()) for o in self.around.others)

    def _surface_nodes(self) -> tuple[Array, Array]:
        """Gauss points on the visible intervals of lines across the square of parameters."""
        if self.is_whole:
            across, weights = gauss_panels(4)
        else:
            across = (np.arange(_LINES) + 0.5) / _LINES
            weights = np.full(_LINES, 1 / _LINES)
        first, low, high = self._line_intervals(across)
        nodes, shares = gauss_panels(2)
        unit = np.stack(
            [
                np.repeat(across[first], len(nodes)),
                (low[:, None] + (high - low)[:, None] * nodes).ravel(),
            ],
            1,
        )
        if not len(unit):
            return unit, np.empty(0)
        own = (weights[first] * (high - low))[:, None] * shares
        return unit, own.ravel() * self.place(unit).stretch

    def _line_intervals(self, across: Array) -> tuple[AnyArray, Array, Array]:
        """The number of the line and the ends of each visible interval along the second axis."""
        along = np.linspace(0, 1, _ALONG)
        along[0], along[-1] = 1e-12, 1 - 1e-12
        unit = np.stack(np.meshgrid(across, along, indexing="ij"), -1)
        shows = self.shows(self.place(unit.reshape(-1, 2))).reshape(len(across), _ALONG)
        line, at = np.nonzero(shows[:, 1:] != shows[:, :-1])
        low, high = along[at].copy(), along[at + 1].copy()
        before = shows[line, at]
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            here = self.shows(self.place(np.stack([across[line], middle], 1))) == before
            low, high = np.where(here, middle, low), np.where(here, high, middle)
        edges: list[tuple[int, float]] = [(k, 0.0) for k in np.flatnonzero(shows[:, 0]).tolist()]
        edges += [(k, 1.0) for k in np.flatnonzero(shows[:, -1]).tolist()]
        edges += list(zip(line.tolist(), ((low + high) / 2).tolist(), strict=True))
        edges.sort()
        numbers = np.array([k for k, _ in edges[::2]], int)
        return numbers, np.array([v for _, v in edges[::2]]), np.array([v for _, v in edges[1::2]])


def gauss_panels(panels: int, shift: float = 0.0) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on panels of [0, 1], cut at (k + shift) / panels."""
    nodes, weights = np.polynomial.legendre.leggauss(_GAUSS)
    cuts = np.unique(np.concatenate([[0.0], (np.arange(panels) + shift) / panels, [1.0]]))
    widths = np.diff(cuts)[:, None]
    return (cuts[:-1, None] + widths * (nodes + 1) / 2).ravel(), (widths * weights / 2).ravel()


def _roots(facet: Facet, level: Level) -> Array:
    """Where a level with slope at most one vanishes along a curve: the parameters (k,)."""

    def values(at: Array) -> Array:
        return np.asarray(level(facet.piece.place(at[:, None]).points))

    speed = float(facet.piece.place(np.linspace(0, 1, 65)[:, None]).stretch.max())
    low, high = np.arange(_CUTS) / _CUTS, (np.arange(_CUTS) + 1) / _CUTS
    crossing: list[tuple[Array, Array]] = []
    while len(low):
        first, last = values(low), values(high)
        changes = np.sign(first) * np.sign(last) < 0
        length = speed * (high - low)
        crossing.append((low[changes], high[changes]))
        near = ~changes & (np.abs(first) + np.abs(last) <= length)
        near &= length > _FINEST * facet.around.size
        # A level that vanishes on all of an interval belongs to a common boundary.
        near &= np.abs(first) + np.abs(last) > 0
        middle = (low[near] + high[near]) / 2
        low, high = np.concatenate([low[near], middle]), np.concatenate([middle, high[near]])
    start, stop = (np.concatenate(parts) for parts in zip(*crossing, strict=True))
    before = np.sign(values(start)) if len(start) else start
    for _ in range(_BISECTIONS):
        middle = (start + stop) / 2
        same = np.sign(values(middle)) == before if len(middle) else middle > 0
        start, stop = np.where(same, middle, start), np.where(same, stop, middle)
    exact = np.arange(_CUTS + 1) / _CUTS
    zero = exact[values(exact) == 0]
    return np.concatenate([(start + stop) / 2, zero])


def arrange(facets: Sequence[Facet]) -> tuple[Facet, ...]:
    """Those that show."""
    return tuple(f for f in facets if f.measure > NEAR * f.around.size)
