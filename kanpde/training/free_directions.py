"""Changes of the fields that no equation notices, in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kanpde.arrays import Array
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Axis, Scale
from kanpde.training.trainer import Trainer

# What is left of a change, relative to its size, by a shape that describes it.
_FITS = 0.1
# The degree of the polynomial that stands for a function of one axis.
_DEGREE = 8
# A field moves if its part of the change is at least this share of the largest.
_MOVES = 0.3


def describe_direction(trainer: Trainer, change: Mapping[str, Array], points: Array) -> str | None:
    """A sentence on a change (N,) of each field at points (N, dimension).

    None where it is the mean of fields that the reference compares up to their mean.
    """
    largest = max(float(np.linalg.norm(v)) for v in change.values())
    moving = {n: v for n, v in change.items() if np.linalg.norm(v) >= _MOVES * largest}
    names = " and ".join(moving)
    reference = trainer.problem.reference
    # Where a value is held somewhere, what looks like a mean is a function that vanishes there.
    held = _find_held(trainer.problem)
    even = all(_misfit(v, np.ones((len(v), 1))) < _FITS for v in moving.values())
    if even and not held & set(moving):
        if reference is not None and set(moving) <= set(reference.gauge):
            return None
        verb = "are" if len(moving) > 1 else "is"
        return (
            f"the mean of {names} {verb} not determined: add a gauge, such as a condition at a "
            "point"
        )
    axes = enumerate(trainer.problem.domain.axes)
    for k, axis in sorted(axes, key=lambda pair: not pair[1].is_time):
        column = points[:, k]
        share = np.log(column / axis.lower) if axis.scale is Scale.LOG else column - axis.lower
        scaled = 2 * share / axis.length - 1
        basis = np.polynomial.chebyshev.chebvander(scaled, _DEGREE).astype(float)
        one_axis = len(trainer.problem.domain.axes) == 1
        if not one_axis and all(_misfit(v, basis) < _FITS for v in moving.values()):
            where = _describe_gauge(axis)
            return (
                f"{names} {_determined(moving)} up to a function of {axis.name}: add a gauge that "
                f"holds at each {axis.name}, such as a condition at {where}"
            )
    return f"{names} {_undetermined(moving)}: {_describe_shape(trainer, moving, points)}"


def _describe_gauge(axis: Axis) -> str:
    if axis.is_time:
        return "a point of space at all times"
    return "a point of space for all its values" if axis.is_parameter else "an edge along it"


def _find_held(problem: Problem) -> set[str]:
    """The fields whose value an equation on a boundary or at points holds."""
    return {
        s.field for e in problem.equations for s in e.jets if not e.is_interior and not any(s.index)
    }


def _determined(moving: Mapping[str, Array]) -> str:
    return "are determined only" if len(moving) > 1 else "is determined only"


def _undetermined(moving: Mapping[str, Array]) -> str:
    return "are not determined" if len(moving) > 1 else "is not determined"


def _misfit(change: Array, basis: Array) -> float:
    """What is left of a change by the best combination of shapes (N, k), relative."""
    left = change - basis @ np.linalg.lstsq(basis, change, rcond=None)[0]
    return float(np.linalg.norm(left) / np.linalg.norm(change))


def _describe_shape(trainer: Trainer, moving: Mapping[str, Array], points: Array) -> str:
    fields = trainer.fields(trainer.best, points, trainer.session.workers)
    if all(_misfit(v, fields[n][:, None]) < _FITS for n, v in moving.items()):
        return "any multiple of it meets the equations as well; a condition is missing"
    widest = max(moving, key=lambda n: float(np.abs(moving[n]).max()))
    place = points[int(np.abs(moving[widest]).argmax())]
    axes = trainer.problem.domain.names
    where = ", ".join(f"{n} = {v:.3g}" for n, v in zip(axes, place, strict=True))
    return (
        "it may change by a function of its own size that no equation notices, largest near "
        f"{where}; a condition is missing, or the equations let the smallest errors grow"
    )
