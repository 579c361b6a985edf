"""Numbers inside of functions: exp(c F) - 1, sin(c F), c + F, found on a grid and refined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy.optimize import minimize_scalar

from kanpde.arrays import Array
from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.trees.links import Link


@dataclass(frozen=True)
class Shape:
    """A function of z = c F, in NumPy and SymPy; whether c may be negative, and if it is a wave."""

    numeric: Callable[[Array], Array]
    symbolic: Callable[[Any], Any]
    signed: bool = False
    wave: bool = False


SHAPES = (
    Shape(np.expm1, lambda z: sympy.exp(z) - 1),
    Shape(lambda z: np.exp(z) + 1, lambda z: sympy.exp(z) + 1),
    Shape(lambda z: 1 + z, lambda z: 1 + z, True),
    Shape(np.cosh, lambda z: (sympy.exp(z) + sympy.exp(-z)) / 2),
    Shape(np.tanh, sympy.tanh),
    Shape(np.sin, sympy.sin, wave=True),
    Shape(np.cos, sympy.cos, wave=True),
)
# Where the trees enter as they are: y = a + b g(c F).
PLAIN = (
    Shape(np.exp, sympy.exp, True),
    Shape(lambda z: 1 / (1 + z), lambda z: 1 / (1 + z), True),
    Shape(np.tanh, sympy.tanh),
    Shape(np.sin, sympy.sin, wave=True),
    Shape(np.cos, sympy.cos, wave=True),
    Shape(lambda z: np.log(np.abs(1 + z)), lambda z: sympy.log(1 + z), True),
)


@dataclass(frozen=True)
class InnerPolicy:
    """The numbers that are tried, by what they make of the tree's root mean square."""

    scales: tuple[float, ...] = tuple(0.15 * 1.25**k for k in range(21))
    # Waves of many turns are sharp in their numbers; they are looked for in fewer trees.
    wave_scales: tuple[float, ...] = tuple(0.25 * k for k in range(1, 121))
    trees: int = 2000
    wave_trees: int = 300
    kept: int = 8


@dataclass(frozen=True)
class Inner:
    """A shape of a number times a tree, with its values (N,) and what it leaves of the target."""

    left: float
    shape: Shape
    row: int
    number: float
    values: Array


def find_inner(
    link: Link, values: Array, deadline: Deadline, policy: InnerPolicy = InnerPolicy()
) -> list[Inner]:
    """The best shapes of the first trees (S, N) behind a link, the best first."""
    size = np.sqrt(np.mean(values**2, 1))
    shapes = SHAPES if link.product and not link.plain else PLAIN
    best: list[tuple[float, Shape, int, float]] = []
    for shape, scale in _grid(shapes, policy):
        if deadline.over:
            break
        count = policy.wave_trees if shape.wave else policy.trees
        with np.errstate(all="ignore"):
            out = shape.numeric(scale / size[:count, None] * values[:count])
        left = np.where(np.isfinite(out).all(1), link.score(out), np.inf)
        for k in np.argsort(left)[:2]:
            best.append((float(left[k]), shape, int(k), float(scale / size[k])))
    best.sort(key=lambda one: one[0])
    chosen: dict[tuple[int, int], tuple[float, Shape, int, float]] = {}
    for one in best:
        chosen.setdefault((id(one[1]), one[2]), one)
    refined = [_refine(link, one, values, size) for one in [*chosen.values()][: policy.kept]]
    return sorted(refined, key=lambda one: one.left)


def _grid(shapes: Sequence[Shape], policy: InnerPolicy) -> Iterator[tuple[Shape, float]]:
    for shape in shapes:
        for scale in policy.wave_scales if shape.wave else policy.scales:
            yield shape, scale
            if shape.signed:
                yield shape, -scale


def _refine(link: Link, one: tuple[float, Shape, int, float], values: Array, size: Array) -> Inner:
    """With the number between its neighbours on the grid that leaves least."""
    _, shape, row, start = one

    def evaluate(c: float) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(shape.numeric(c * values[row]))

    def left(c: float) -> float:
        out = evaluate(c)
        return float(link.score(out[None])[0]) if np.isfinite(out).all() else 1e9

    step = 0.25 / size[row] if shape.wave else 0.25 * abs(start)
    ends = (start - step, start + step)
    found = minimize_scalar(
        left, bounds=ends, method="bounded", options={"xatol": 1e-13 * abs(start)}
    )
    return Inner(float(found.fun), shape, row, float(found.x), evaluate(float(found.x)))
