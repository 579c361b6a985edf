"""Measures of solids and points in them with accurate weights.

Areas and volumes are integrals over the boundary, by the divergence theorem: |S| = int x n / d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import AnyArray, Array
from kanpde.geometry.solids.facet import gauss_panels

if TYPE_CHECKING:
    from kanpde.geometry.solids.solid import Solid

# Points along a line at which the sides of a solid are looked for, and bisections of each.
_ALONG, _BISECTIONS = 257, 48


def measure_content(solid: Solid) -> float:
    """The area or volume."""
    total = 0.0
    lower, upper = solid.bounds
    centre = (lower + upper) / 2
    for facet in solid.facets:
        unit, weights = facet.nodes
        here = facet.place(unit)
        total += float((((here.points - centre) * here.normals).sum(1) * weights).sum())
    return total / len(lower)


def interior_nodes(solid: Solid, count: int, seed: int) -> tuple[Array, Array]:
    """About `count` points (N, d) in a solid and weights (N,) that sum to its measure.

    In the plane Gauss points on lines between the places where the solid's outline begins, ends or
    turns; in space low-discrepancy points. The seed moves the panels: at fixed points the network
    of a clamped beam found a layer between the clamp and the first points, which cost no energy.
    """
    if len(solid.coordinates) == 2:
        return _plane_nodes(solid, count, *np.random.default_rng(seed).random(2))
    lower, upper = solid.bounds
    sobol = qmc.Sobol(len(lower), scramble=True, rng=np.random.default_rng(seed))
    share = solid.content / float(np.prod(upper - lower))
    wanted = max(4, int(np.ceil(np.log2(count / max(share, 1e-6)))))
    cube = lower + (upper - lower) * sobol.random_base2(wanted)
    inside = cube[solid.level(cube) < 0]
    return inside, np.full(len(inside), solid.content / len(inside))


def _plane_nodes(solid: Solid, count: int, *shifts: float) -> tuple[Array, Array]:
    """Panels across and along the lines are cut where the shifts say, two numbers in [0, 1)."""
    cuts = _events(solid)
    widths = np.diff(cuts)
    size = len(gauss_panels(1)[0])
    fewest = max(1, round(np.sqrt(count) / size / 2))
    spacing = size * np.sqrt(solid.content / count)
    across, of_line = [], []
    for start, width in zip(cuts, widths, strict=False):
        lines = max(fewest, round(width / spacing))
        angles, shares = gauss_panels(lines, shifts[0])
        # x = (1 - cos) / 2 on each interval: outlines begin and end there like roots.
        across.append(start + width * (1 - np.cos(np.pi * angles)) / 2)
        of_line.append(width * np.pi / 2 * np.sin(np.pi * angles) * shares)
    x, weights = np.concatenate(across), np.concatenate(of_line)
    line, low, high = _chords(solid, x)
    mean = solid.content / float(np.bincount(line).max() * widths.sum())
    fewest = max(1, round(np.sqrt(count) / size / 3))
    along, own = gauss_panels(max(fewest, round(mean / spacing)), shifts[1])
    y = low[:, None] + (high - low)[:, None] * along
    points = np.stack([np.repeat(x[line], len(along)), y.ravel()], 1)
    return points, (weights[line] * (high - low))[:, None].repeat(len(along), 1).ravel() * np.tile(
        own, len(line)
    )


def _events(solid: Solid) -> Array:
    """The first coordinates at which the outline begins, ends, turns back or has a corner."""
    found = []
    for facet in solid.facets:
        for low, high in facet.intervals:
            at = np.linspace(low, high, 257)
            x = facet.place(at[:, None]).points[:, 0]
            turns = np.flatnonzero(np.diff(np.sign(np.diff(x))) != 0) + 1
            found += [x[0], x[-1]]
            for k in turns:
                # The vertex of the parabola through three points, refined twice.
                left, right = at[k - 1], at[k + 1]
                for _ in range(3):
                    three = np.linspace(left, right, 3)
                    a, b, c = facet.place(three[:, None]).points[:, 0]
                    bend = a - 2 * b + c
                    shift = 0.0 if bend == 0 else 0.5 * (a - c) / bend
                    middle = three[1] + shift * (three[1] - three[0])
                    half = (right - left) / 16
                    left, right = middle - half, middle + half
                found.append(float(facet.place(np.array([[middle]])).points[0, 0]))
    cuts = np.unique(found)
    keep = np.concatenate([[True], np.diff(cuts) > 1e-9 * (cuts[-1] - cuts[0])])
    return np.asarray(cuts[keep])


def _chords(solid: Solid, x: Array) -> tuple[AnyArray, Array, Array]:
    """The number of the line and the ends of each interval of lines x = const in a solid."""
    lower, upper = solid.bounds
    margin = 1e-6 * (upper[1] - lower[1])
    along = np.linspace(lower[1] - margin, upper[1] + margin, _ALONG)

    def level(at: Array, y: Array) -> Array:
        return solid.level(np.stack([at, y], 1))

    grid = np.stack(np.meshgrid(x, along, indexing="ij"), -1).reshape(-1, 2)
    values = solid.level(grid).reshape(len(x), _ALONG)
    inside = values < 0
    # Thin gaps between neighbours on one side: a level has slope one at most.
    line, at = np.nonzero(inside[:, 1:] != inside[:, :-1])
    extra = [_thin(solid, x, along, values, inside)]
    low, high = along[at].copy(), along[at + 1].copy()
    line = np.concatenate([line, *[e[0] for e in extra]])
    low = np.concatenate([low, *[e[1] for e in extra]])
    high = np.concatenate([high, *[e[2] for e in extra]])
    before = level(x[line], low) < 0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        same = (level(x[line], middle) < 0) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    ends = (low + high) / 2
    order = np.lexsort((ends, line))
    line, ends = line[order], ends[order]
    return line[::2], ends[::2], ends[1::2]


def _thin(
    solid: Solid, x: Array, along: Array, values: Array, inside: AnyArray
) -> tuple[AnyArray, Array, Array]:
    """Brackets of the sides of gaps and bridges that are thinner than the spacing."""
    step = along[1] - along[0]
    near = (inside[:, 1:] == inside[:, :-1]) & (
        np.abs(values[:, 1:]) + np.abs(values[:, :-1]) < step
    )
    line, at = np.nonzero(near)
    found: list[tuple[int, float, float]] = []
    if len(line):
        fine = np.linspace(0, 1, 65)
        y = along[at][:, None] + step * fine
        points = np.stack([np.repeat(x[line], 65), y.ravel()], 1)
        here = solid.level(points).reshape(-1, 65) < 0
        rows, columns = np.nonzero(here[:, 1:] != here[:, :-1])
        found = [
            (int(line[r]), float(y[r, c]), float(y[r, c + 1]))
            for r, c in zip(rows, columns, strict=True)
        ]
    numbers = np.array([f[0] for f in found], int)
    return numbers, np.array([f[1] for f in found]), np.array([f[2] for f in found])
