"""Coefficients that are fields or numbers, from readings of the solution."""

from __future__ import annotations

import numpy as np

from kanpde.bench.estimates.case import Case, Truth
from kanpde.geometry.box import Box
from kanpde.geometry.points import Points
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, pi, sin

BAR = Box(x=(0, 1))
ROD = Box(x=(0, 1), t=(0, 1))
PLATE = Box(x=(0, 1), y=(0, 1))


def _along(count: int) -> Points:
    return BAR.points(x=np.linspace(0.02, 0.98, count))


def _over(box: Box, first: int, second: int) -> Points:
    """A grid of so many places along each axis."""
    a, b = np.meshgrid(np.linspace(0.05, 0.95, first), np.linspace(0.05, 1, second))
    return box.points(**dict(zip(box.names, (a, b), strict=True)))


def _bar(noise: float) -> Problem:
    """The stiffness of a bar; the answer has slopes everywhere but at one place."""
    (x,) = BAR.axes
    truth = Truth(BAR, {"u": lambda x: sin(2 * x) + x**2, "a": lambda x: 1 + 0.5 * cos(5 * x)})
    law = lambda u, a: d(a * d(u, x), x)  # noqa: E731
    places = [(BAR.faces(x), lambda u: u), (BAR.face(x=0), lambda a: a)]
    return truth.problem(law, places, truth.read("u", _along(40), noise))


def _source() -> Problem:
    """A source that depends on the place alone, from temperatures."""
    x, t = ROD.axes
    truth = Truth(
        ROD,
        {"u": lambda x, t: exp(-t) * sin(pi * x) + x * (1 - x), "f": lambda x, t: sin(3 * x) + 1},
        {"f": (x,)},
    )
    law = lambda u, f: d(u, t) - 0.2 * d(u, x, x) - f  # noqa: E731
    places = [(ROD.face(t=0), lambda u: u), (ROD.faces(x), lambda u: u)]
    return truth.problem(law, places, truth.read("u", _over(ROD, 10, 8)))


def _number() -> Problem:
    x, t = ROD.axes
    truth = Truth(
        ROD,
        {"u": lambda x, t: exp(-0.3 * pi**2 * t) * sin(pi * x), "k": lambda x, t: 0.3 + 0 * x},
        {"k": ()},
    )
    law = lambda u, k: d(u, t) - k * d(u, x, x)  # noqa: E731
    places = [(ROD.face(t=0), lambda u: u), (ROD.faces(x), lambda u: u)]
    return truth.problem(law, places, truth.read("u", _over(ROD, 5, 10), 0.02))


def _plate() -> Problem:
    """The conductivity of a plate from exact readings."""
    x, y = PLATE.axes
    truth = Truth(
        PLATE,
        {
            "u": lambda x, y: sin(2 * x + y) + x * y,
            "a": lambda x, y: 1 + 0.3 * sin(3 * x) * cos(2 * y),
        },
    )
    law = lambda u, a: d(a * d(u, x), x) + d(a * d(u, y), y)  # noqa: E731
    places = [(PLATE.faces(x, y), lambda u: u), (PLATE.face(x=0), lambda a: a)]
    return truth.problem(law, places, truth.read("u", _over(PLATE, 12, 12)))


def _reaction() -> Problem:
    """A rate c(x), nearly unseen where the solution is nearly zero."""
    (x,) = BAR.axes
    truth = Truth(BAR, {"u": lambda x: sin(4 * x) + 0.2, "c": lambda x: 2 + sin(6 * x)})
    law = lambda u, c: -d(u, x, x) + c * u  # noqa: E731
    return truth.problem(law, [(BAR.faces(x), lambda u: u)], truth.read("u", _along(30)))


def _flow() -> Problem:
    """A velocity v(x), from what it carries."""
    x, t = ROD.axes
    truth = Truth(
        ROD,
        {"u": lambda x, t: sin(4 * (x - 0.7 * t)) + x, "v": lambda x, t: 1 + 0.4 * sin(2 * x)},
        {"v": (x,)},
    )
    law = lambda u, v: d(u, t) + v * d(u, x)  # noqa: E731
    places = [(ROD.face(t=0), lambda u: u), (ROD.face(x=0), lambda u: u)]
    return truth.problem(law, places, truth.read("u", _over(ROD, 12, 8), 0.01))


def _beginning() -> Problem:
    """The initial values of a heat equation from late readings."""
    x, t = ROD.axes
    truth = Truth(
        ROD,
        {
            "u": lambda x, t: (
                sin(pi * x) * exp(-0.05 * pi**2 * t) + 0.5 * sin(2 * pi * x) * exp(-0.2 * pi**2 * t)
            )
        },
    )
    law = lambda u: d(u, t) - 0.05 * d(u, x, x)  # noqa: E731
    return truth.problem(
        law, [(ROD.faces(x), lambda u: u)], truth.read("u", _over(ROD, 4, 25), 0.01)
    )


CASES = (
    Case("stiffness of a bar", lambda: _bar(0.0)),
    Case("stiffness of a bar, noisy", lambda: _bar(0.01)),
    Case("conductivity of a plate", _plate),
    Case("source of heat", _source),
    Case("rate of a reaction", _reaction),
    Case("velocity, noisy", _flow),
    Case("a number, noisy", _number),
    Case("initial values, noisy", _beginning),
)
