"""Problems whose time is cut into windows."""

from __future__ import annotations

from typing import Any

from kanpde.bench.estimates.case import Case, Truth
from kanpde.geometry.box import Box
from kanpde.problem.conditions.periodic import Periodic
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, pi, sin


def _oscillator() -> Problem:
    box = Box(t=(0, 20))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: cos(2 * t), "v": lambda t: -2 * sin(2 * t)})
    law = lambda u, v: (d(u, t) - v, d(v, t) + 4 * u)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u, v: (u, v))])


def _relaxation() -> Problem:
    """A moving balance, to which errors fade."""
    box = Box(t=(0, 12))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: sin(t) + 2 * exp(-2 * t)})
    return truth.problem(lambda u: d(u, t) + 2 * u, [(box.face(t=0), lambda u: u)])


def _growth() -> Problem:
    """Errors grow by e^4."""
    box = Box(t=(0, 8))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: exp(0.5 * t) + sin(3 * t)})
    return truth.problem(lambda u: d(u, t) - 0.5 * u, [(box.face(t=0), lambda u: u)])


def _string() -> Problem:
    box = Box(x=(0, 1), t=(0, 4))
    x, t = box.axes
    truth = Truth(
        box,
        {"u": lambda x, t: sin(pi * x) * cos(pi * t) + 0.3 * sin(2 * pi * x) * cos(2 * pi * t)},
    )
    law = lambda u: d(u, t, t) - d(u, x, x)  # noqa: E731
    return truth.problem(
        law, [(box.face(t=0), lambda u: (u, d(u, t))), (box.faces(x), lambda u: u)]
    )


def _heat() -> Problem:
    box = Box(x=(0, 1), t=(0, 2))
    x, t = box.axes
    truth = Truth(box, {"u": lambda x, t: exp(-t) * sin(pi * x) + x * cos(3 * t)})
    law = lambda u: d(u, t) - 0.1 * d(u, x, x)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u: u), (box.faces(x), lambda u: u)])


def _ring() -> Problem:
    box = Box(x=(-1, 1), t=(0, 3))
    x, t = box.axes
    truth = Truth(box, {"u": lambda x, t: sin(pi * (x - t)) + 0.3 * cos(2 * pi * (x - t))})
    law = lambda u: d(u, t) + d(u, x)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u: u)], Periodic(x))


def _pendulum() -> Problem:
    box = Box(t=(0, 12))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: 2 * cos(1.3 * t) * exp(-0.1 * t)})
    law = lambda u: d(u, t, t) + 0.2 * d(u, t) + sin(u)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u: (u, d(u, t)))])


def _hunters() -> Problem:
    box = Box(t=(0, 8))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: 1.5 + sin(1.2 * t), "v": lambda t: 1 + 0.5 * cos(1.2 * t)})

    def law(u: Any, v: Any) -> tuple[Any, ...]:
        return (d(u, t) - u + u * v, d(v, t) + v - u * v)

    return truth.problem(law, [(box.face(t=0), lambda u, v: (u, v))])


CASES = (
    Case("oscillator in windows", _oscillator, windows=4),
    Case("relaxation in windows", _relaxation, windows=4),
    Case("growth in windows", _growth, windows=4),
    Case("string in windows", _string, windows=3),
    Case("heat in windows", _heat, windows=3),
    Case("advection in windows", _ring, windows=3),
    Case("pendulum in windows", _pendulum, windows=4),
    Case("hunters in windows", _hunters, windows=4),
)
