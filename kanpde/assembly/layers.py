"""Layers that even points miss: where the leading coefficient of an equation is small.

With a_m the coefficient of the highest derivative along an axis and a_k a lower one, both terms are
of one size in a layer of the width (a_m / a_k)^(1 / (m - k)) (Bender & Orszag, Advanced
Mathematical Methods, 1978, chapter 9, dominant balance): 1e-12 u'' + u' = 1 has one of width 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.lift import evaluate_at
from kanpde.geometry.domain import Sample
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Axis


@dataclass(frozen=True)
class LayerPolicy:
    """Which layers are looked for, and how points are put there."""

    # Widths relative to the axis: wider ones are resolved by even points. With the others, 60 steps
    # on u = w^2 u'' with w = 1e-3 ended at an error of 1e-6, without at 3e-2; with w = 3e-3 nothing
    # was gained.
    widest: float = 2e-3
    # Narrower ones are not formed by a network: told, and not followed. A layer of 1e-3 was solved
    # to 5e-9, one of 1e-4 not at all.
    narrowest: float = 1e-4
    # The share of points whose distance from an end is even in its logarithm, and the smallest
    # such distance, in widths.
    share: float = 0.5
    nearest: float = 0.1
    # Points at which coefficients are looked at.
    points: int = 100


LAYER_POLICY = LayerPolicy()


@dataclass(frozen=True)
class Layer:
    """The width of the layers that an equation may have at the ends of an axis."""

    condition: str
    axis: Axis
    width: float

    @property
    def relative(self) -> float:
        """The width by the length of the axis."""
        return self.width / (self.axis.upper - self.axis.lower)

    def __str__(self) -> str:
        return (
            f'"{self.condition}" may have layers of width {self.width:.1g} along {self.axis.name}, '
            "which is less than a network forms: solve the outer problem, or stretch the axis there"
        )


def find_layers(problem: Problem, policy: LayerPolicy = LAYER_POLICY) -> list[Layer]:
    """The layers that are thinner than even points resolve, by the linear equations inside."""
    found: list[Layer] = []
    axes, interior = problem.domain.axes, problem.domain.interior
    if not np.isclose(interior.measure, math.prod(a.length for a in axes)):
        return found  # the walls of a shape are not at the ends of axes
    for equation in problem.equations:
        if not equation.is_interior or equation.kind is Kind.DENSITY or not equation.is_linear:
            continue
        for axis in problem.domain.axes:
            if axis.name in problem.periodic or axis.is_parameter:
                continue
            for name in {jet.field for jet in equation.jets}:
                width = _width(problem, equation, axis, name, policy)
                layer = Layer(equation.condition, axis, width)
                if 0 < layer.relative < policy.widest:
                    found.append(layer)
    return found


def describe_layers(problem: Problem, policy: LayerPolicy = LAYER_POLICY) -> list[str]:
    """Sentences about layers that are too thin for a network."""
    found = (layer for layer in find_layers(problem, policy) if layer.relative < policy.narrowest)
    return list(dict.fromkeys(map(str, found)))


def _width(
    problem: Problem, equation: Equation, axis: Axis, name: str, policy: LayerPolicy
) -> float:
    """The smallest width of dominant balance along an axis; infinite where there is none."""
    along = problem.domain.names.index(axis.name)
    slopes: dict[int, Any] = {}
    for jet in equation.jets:
        if jet.field == name and sum(jet.index) == jet.index[along]:
            slopes[jet.index[along]] = equation.expression.diff(jet)
    highest = max(slopes, default=0)
    if len(slopes) < 2:
        return np.inf
    points = problem.domain.interior.sample(policy.points, 0).points
    with np.errstate(all="ignore"):
        values = evaluate_at(problem.domain, list(slopes.values()), points)
    means = {order: np.mean(v) for order, v in zip(slopes, values, strict=True)}
    sizes = {order: np.mean(np.abs(v)) for order, v in zip(slopes, values, strict=True)}
    widths = [
        float((sizes[highest] / sizes[k]) ** (1 / (highest - k)))
        for k in slopes
        # u'' + k^2 u = 0 has waves and no layers.
        if k < highest and sizes[k] > 0 and not (highest - k == 2 and means[highest] * means[k] > 0)
    ]
    return min((w for w in widths if np.isfinite(w)), default=np.inf)


def grade(
    sample: Sample, layers: list[Layer], names: tuple[str, ...], policy: LayerPolicy = LAYER_POLICY
) -> tuple[Array, Array]:
    """Points (N, dimension), of which some are near the ends of axes, and their importance (N,).

    The importance is the inverse of the density, so that sums keep their meaning.
    """
    points, importance = sample.points.copy(), sample.importance.copy()
    for layer in layers:
        low, high = layer.axis.lower, layer.axis.upper
        half, least = 0.5 * (high - low), policy.nearest * layer.width
        column = points[:, names.index(layer.axis.name)]
        unit = (column - low) / (high - low)
        moved = unit < policy.share
        # Those below the share become even in the logarithm of the distance from either end.
        fresh = unit[moved] / policy.share
        side, level = fresh < 0.5, 2 * np.where(fresh < 0.5, fresh, fresh - 0.5)
        distance = least * (half / least) ** level
        column[moved] = np.where(side, low + distance, high - distance)
        column[~moved] = low + (high - low) * (unit[~moved] - policy.share) / (1 - policy.share)
        near = np.minimum(column - low, high - column)
        logarithmic = np.where(near >= least, half / (near * np.log(half / least)), 0.0)
        importance /= (1 - policy.share) + policy.share * logarithmic
    return points, importance
