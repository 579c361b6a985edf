"""Elements: how a cell of each kind is mapped from a cube, and Gauss points in that cube.

Every cell is the image of the unit cube of its dimension: simplices by the collapsed coordinates
of Duffy (SIAM J. Numer. Anal. 19, 1982), pyramids as hexahedra with four nodes at the tip. The
shape functions are the polynomials that are one at their own node and zero at all others
(Zienkiewicz & Taylor, The Finite Element Method, 2000, chapter 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.special import roots_jacobi

from kanpde.arrays import Array

# The nodes of each reference element, in the order of VTK, and the powers of its polynomials.
_Points = list[tuple[float, ...]]
_TRIANGLE: _Points = [(0, 0), (1, 0), (0, 1)]
_SIDES: _Points = [(0.5, 0), (0.5, 0.5), (0, 0.5)]
_SQUARE: _Points = [(0, 0), (1, 0), (1, 1), (0, 1)]
_SQUARE_SIDES: _Points = [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)]
_TETRA: _Points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
_TETRA_SIDES: _Points = [
    (0.5, 0, 0),
    (0.5, 0.5, 0),
    (0, 0.5, 0),
    (0, 0, 0.5),
    (0.5, 0, 0.5),
    (0, 0.5, 0.5),
]
_CUBE: _Points = [(x, y, z) for z in (0, 1) for x, y in _SQUARE]
_CUBE_SIDES: _Points = [
    *((x, y, z) for z in (0, 1) for x, y in _SQUARE_SIDES),
    *((x, y, 0.5) for x, y in _SQUARE),
]
_CUBE_FACES: _Points = [
    (0, 0.5, 0.5), (1, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 1, 0.5), (0.5, 0.5, 0), (0.5, 0.5, 1),
    (0.5, 0.5, 0.5),
]  # fmt: skip
_WEDGE: _Points = [(x, y, z) for z in (0, 1) for x, y in _TRIANGLE]
_NODES: dict[str, _Points] = {
    "line": [(0,), (1,)],
    "line3": [(0,), (1,), (0.5,)],
    "triangle": _TRIANGLE,
    "triangle6": _TRIANGLE + _SIDES,
    "quad": _SQUARE,
    "quad8": _SQUARE + _SQUARE_SIDES,
    "quad9": [*_SQUARE, *_SQUARE_SIDES, (0.5, 0.5)],
    "tetra": _TETRA,
    "tetra10": _TETRA + _TETRA_SIDES,
    "hexahedron": _CUBE,
    "hexahedron20": _CUBE + _CUBE_SIDES,
    "hexahedron27": _CUBE + _CUBE_SIDES + _CUBE_FACES,
    "wedge": _WEDGE,
}


def _powers(kind: str) -> list[tuple[int, ...]]:
    dimension = len(_NODES[kind][0])
    order = 2 if kind[-1].isdigit() else 1
    every = product(range(order + 1), repeat=dimension)
    if kind.startswith(("triangle", "tetra")):
        return [p for p in every if sum(p) <= order]
    if kind == "wedge":
        return [p for p in every if p[0] + p[1] <= 1]
    if kind in ("quad8", "hexahedron20"):  # without the terms of more than one square
        return [p for p in every if p.count(2) <= 1]
    return list(every)


@dataclass(frozen=True, eq=False)
class Element:
    """The shape functions of a kind of cell: `values` and `slopes` at reference points."""

    nodes: Array  # (n, d)
    powers: Array  # (n, d)
    coefficients: Array  # (n, n): column k has those of the function of node k
    is_simplex: bool

    @property
    def dimension(self) -> int:
        return int(self.nodes.shape[1])

    @property
    def is_affine(self) -> bool:
        """Whether cells have one Jacobian each."""
        return self.is_simplex and len(self.nodes) == self.dimension + 1

    def values(self, at: Array) -> Array:
        """The shape functions (N, n) at reference points (N, d)."""
        return np.asarray(np.prod(at[:, None] ** self.powers, axis=2) @ self.coefficients)

    def slopes(self, at: Array) -> Array:
        """Their derivatives (N, n, d)."""
        found = []
        for k in range(self.dimension):
            lowered = self.powers.copy()
            lowered[:, k] = np.maximum(lowered[:, k] - 1, 0)
            terms = self.powers[:, k] * np.prod(at[:, None] ** lowered, axis=2)
            found.append(terms @ self.coefficients)
        return np.stack(found, 2)

    def from_cube(self, cube: Array) -> Array:
        """Reference points for points (N, d) of the unit cube, even in the reference element."""
        if self.is_simplex:
            return _simplex_points(cube)
        if len(self.nodes) == 6 and self.dimension == 3:
            return np.concatenate([_simplex_points(cube[:, :2]), cube[:, 2:]], 1)
        return cube

    @property
    def content(self) -> float:
        """The measure of the reference element."""
        if self.is_simplex:
            return 1 / (1, 1, 2, 6)[self.dimension]
        return 0.5 if len(self.nodes) == 6 else 1.0


@lru_cache(maxsize=32)
def element(kind: str) -> Element:
    """The element of a kind of cell, by meshio's name; that of a pyramid is a hexahedron's."""
    kind = "hexahedron" if kind == "pyramid" else kind
    nodes = np.array(_NODES[kind], float)
    powers = np.array(_powers(kind))
    matrix = np.prod(nodes[:, None] ** powers, axis=2)
    simplex = kind.startswith(("line", "triangle", "tetra"))
    return Element(nodes, powers, np.linalg.inv(matrix), simplex)


def nodes_of(kind: str, corners: np.ndarray) -> np.ndarray:
    """The nodes (M, n) as `element` takes them: the tip of a pyramid four times."""
    return corners[:, [0, 1, 2, 3, 4, 4, 4, 4]] if kind == "pyramid" else corners


@lru_cache(maxsize=64)
def gauss_rule(kind: str, count: int) -> tuple[Array, Array]:
    """Reference points (N, d) and weights (N,), exact for polynomials of degree 2 count - 1."""
    own = element(kind)
    if own.is_simplex:
        return _simplex_rule(own.dimension, count)
    line, weights = _line_rule(count, 0)
    if own.content == 0.5:
        flat, shares = _simplex_rule(2, count)
        both = [np.append(p, z) for z in line for p in flat]
        return np.array(both), np.outer(weights, shares).ravel()
    points = list(product(line, repeat=own.dimension))
    return np.array(points), np.array([np.prod(w) for w in product(weights, repeat=own.dimension)])


def _line_rule(count: int, power: int) -> tuple[Array, Array]:
    """Points in [0, 1] for the weight (1 - x)^power."""
    points, weights = roots_jacobi(count, power, 0)
    return (points + 1) / 2, weights / 2 ** (power + 1)


def _simplex_rule(dimension: int, count: int) -> tuple[Array, Array]:
    """Stroud's conical product of Gauss-Jacobi rules."""
    rules = [_line_rule(count, dimension - 1 - k) for k in range(dimension)]
    cube = np.array(list(product(*(points for points, _ in rules))))
    weights = np.array([np.prod(w) for w in product(*(weights for _, weights in rules))])
    rest, points = np.ones(len(cube)), np.empty_like(cube)
    for k in range(dimension):
        points[:, k] = rest * cube[:, k]
        rest = rest * (1 - cube[:, k])
    return points, weights


def _simplex_points(cube: Array) -> Array:
    """Points of the unit cube moved evenly into the unit simplex."""
    dimension = cube.shape[1]
    rest, points = np.ones(len(cube)), np.empty_like(cube)
    for k in range(dimension):
        part = 1 - (1 - cube[:, k]) ** (1 / (dimension - k))
        points[:, k] = rest * part
        rest = rest * (1 - part)
    return points
