"""Problems on shapes."""

from __future__ import annotations

from typing import Any

from kanpde.bench.estimates.case import Case, Truth
from kanpde.geometry.solids.plane import Disk, Ellipse, Polygon, Rectangle
from kanpde.geometry.solids.space import Ball
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, sin


def _disc() -> Problem:
    shape = Disk(x=0, y=0, radius=1)
    x, y = shape.axes
    truth = Truth(shape, {"u": lambda x, y: sin(2 * x + y) + x * y})
    law = lambda u: d(u, x, x) + d(u, y, y)  # noqa: E731
    return truth.problem(law, [(shape.boundary(), lambda u: u)])


def _ellipse() -> Problem:
    shape = Ellipse(x=0.3, y=-0.2, radii=(1.2, 0.6))
    x, y = shape.axes
    truth = Truth(shape, {"u": lambda x, y: exp(x) * cos(3 * y)})
    law = lambda u: d(u, x, x) + 2 * d(u, y, y) - u  # noqa: E731
    return truth.problem(law, [(shape.boundary(), lambda u: u)])


def _plate_with_hole() -> Problem:
    shape = Rectangle(x=(-1, 1), y=(-1, 1)) - Disk(x=0.2, y=0.1, radius=0.4)
    x, y = shape.axes
    truth = Truth(shape, {"u": lambda x, y: cos(2 * x) * y + x**2})
    law = lambda u: d(u, x, x) + d(u, y, y) + u  # noqa: E731
    return truth.problem(law, [(shape.boundary(), lambda u: u)])


def _wedge() -> Problem:
    shape = Polygon([(0, 0), (1.2, 0.1), (0.9, 1), (0.1, 0.8)])
    x, y = shape.axes
    truth = Truth(shape, {"u": lambda x, y: sin(3 * x) * exp(-y)})
    law = lambda u: d(u, x, x) + d(u, y, y) + 3 * d(u, x)  # noqa: E731
    return truth.problem(law, [(shape.boundary(), lambda u: u)])


def _cooling() -> Problem:
    """Heat in a disc, with given values on its rim over time."""
    shape = Disk(x=0, y=0, radius=1).over(t=(0, 1))
    x, y, t = shape.axes
    truth = Truth(shape, {"u": lambda x, y, t: exp(-t) * cos(x + 2 * y) + x * t})
    law = lambda u: d(u, t) - 0.3 * (d(u, x, x) + d(u, y, y))  # noqa: E731
    places = [(shape.face(t=0), lambda u: u), (shape.boundary(), lambda u: u)]
    return truth.problem(law, places)


def _ball() -> Problem:
    shape = Ball(x=0, y=0, z=0, radius=1)
    x, y, z = shape.axes
    truth = Truth(shape, {"u": lambda x, y, z: sin(x + y) * cos(z) + x * z})
    law = lambda u: d(u, x, x) + d(u, y, y) + d(u, z, z)  # noqa: E731
    return truth.problem(law, [(shape.boundary(), lambda u: u)])


def _robin() -> Problem:
    """Heat that leaves a disc by its rim."""
    shape = Disk(x=0, y=0, radius=1)
    x, y = shape.axes
    n, m = shape.normal
    truth = Truth(shape, {"u": lambda x, y: exp(0.5 * x) * sin(y) + 1})
    law = lambda u: d(u, x, x) + d(u, y, y) - u  # noqa: E731
    edge = lambda u: n * d(u, x) + m * d(u, y) + 2 * u  # noqa: E731
    return truth.problem(law, [(shape.boundary(), edge)])


def _plane_strain() -> Problem:
    shape = Rectangle(x=(0, 1), y=(0, 1)) - Disk(x=0, y=0, radius=0.4)
    x, y = shape.axes
    truth = Truth(
        shape, {"u": lambda x, y: sin(x) * cos(y), "v": lambda x, y: 0.5 * x**2 - sin(2 * y)}
    )

    def law(u: Any, v: Any) -> tuple[Any, ...]:
        div = d(u, x) + d(v, y)
        return (
            d(u, x, x) + d(u, y, y) + 1.5 * d(div, x),
            d(v, x, x) + d(v, y, y) + 1.5 * d(div, y),
        )

    return truth.problem(law, [(shape.boundary(), lambda u, v: (u, v))])


CASES = (
    Case("disc", _disc),
    Case("ellipse", _ellipse, enforce=False),
    Case("plate with a hole", _plate_with_hole),
    Case("drift in a wedge", _wedge),
    Case("cooling disc", _cooling, enforce=False),
    Case("ball", _ball, enforce=False),
    Case("heat leaves a disc", _robin),
    Case("strain beside a hole", _plane_strain, enforce=False),
)
