"""How far fields are from a reference, and the grid on which this is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.domain import Domain
from kanpde.geometry.grid import Grid
from kanpde.problem.problem import Problem
from kanpde.solution.coverage import find_covered
from kanpde.solution.grid_data import GRID_SIZES, Readings
from kanpde.solution.sizes import relative_sizes


@dataclass(frozen=True)
class FieldError:
    """How far a field is from its reference, on the evaluation grid.

    `rel_l2` is relative to the reference, or to what is natural where that is nearly zero
    (`kanpde.solution.sizes`).
    """

    rel_l2: float
    max: float


def grid_points(
    problem: Problem, counts: Mapping[str, int] | None = None
) -> tuple[Array, dict[str, Array]]:
    """An even grid of at least 10,000 points: (N, dimension) and its axes.

    In a domain that is not a box as many points of its interior, and no axes; so too where an even
    grid has too many points: nine along each of twenty axes are 1e19.
    """
    return domain_points(problem.domain, counts)


def domain_points(
    domain: Domain, counts: Mapping[str, int] | None = None
) -> tuple[Array, dict[str, Array]]:
    """As `grid_points`, of a domain."""
    if not domain.is_box:
        return domain.interior.sample(GRID_SIZES.inside, 0).points, {}
    if counts is None and domain.dimension > GRID_SIZES.most_axes:
        return domain.interior.sample(GRID_SIZES.scattered, 0).points, {}
    default = GRID_SIZES.for_errors(domain.dimension)
    grid = domain.grid(dict.fromkeys(domain.names, default) | dict(counts or {}))
    assert isinstance(grid, Grid)
    return grid.points, dict(grid.axes)


def gather_readings(problem: Problem) -> dict[str, Readings]:
    """What is measured of the fields themselves, by field; nothing of their derivatives."""
    found: dict[str, list[tuple[Array, Array]]] = {}
    for equation in problem.equations:
        jets = equation.jets
        plain = len(jets) == 1 and not any(jets[0].index) and equation.expression == jets[0]
        if equation.observed is not None and plain and not equation.inherited:
            points = equation.region.sample(0, 0).points
            values = np.asarray(equation.observed, float)
            found.setdefault(jets[0].field, []).append((points, values))
    names = problem.domain.names
    return {
        field: Readings(
            dict(zip(names, np.concatenate([p for p, _ in own]).T, strict=True)),
            np.concatenate([v for _, v in own]),
        )
        for field, own in found.items()
        if field in problem.field_names
    }


def reference_values(problem: Problem, points: Array) -> dict[str, Array]:
    """The reference at points, for the fields that it has; empty without one."""
    if problem.reference is None:
        return {}
    columns = dict(zip(problem.domain.names, points.T, strict=True))
    values = problem.reference.evaluate(**columns)
    return {
        n: np.broadcast_to(np.asarray(v, float), len(points)).copy()
        for n, v in values.items()
        if n in problem.names
    }


def gauge_error(problem: Problem, name: str, value: Array, exact: Array) -> Array:
    """value - exact, without the mean difference where only that much is determined."""
    return without_gauge(problem, name, value - exact)


def errors_against(
    problem: Problem,
    points: Array,
    values: Mapping[str, Array],
    exact: Mapping[str, Array] | None = None,
) -> dict[str, FieldError]:
    """Relative L2 and maximal errors of the fields that have a reference.

    Where no equation holds, as outside of a shape that `where` cuts out, nothing is compared.
    """
    exact = reference_values(problem, points) if exact is None else exact
    covered = find_covered(problem, points)
    if not covered.all():
        values, exact = ({n: v[covered] for n, v in part.items()} for part in (values, exact))
    own = {n: root_mean_square(problem, n, v) for n, v in {**values, **exact}.items()}
    sizes = relative_sizes(problem, own)
    out = {}
    for name, truth in exact.items():
        error = gauge_error(problem, name, values[name], truth)
        mean = float(np.sqrt(np.mean(np.square(error))))
        out[name] = FieldError(mean / sizes[name], float(np.abs(error).max()))
    return out


def root_mean_square(problem: Problem, name: str, values: Array) -> float:
    """The root mean square, without the mean where only that much is determined."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(without_gauge(problem, name, values)))))


def without_gauge(problem: Problem, name: str, values: Array) -> Array:
    """Values without their mean, for a field that the reference knows up to a constant."""
    gauge = problem.reference.gauge if problem.reference else ()
    return values - values.mean() if name in gauge else values
