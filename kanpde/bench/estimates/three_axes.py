"""Problems with three axes."""

from __future__ import annotations

from typing import Any

from kanpde.bench.estimates.case import Case, Place, Truth
from kanpde.geometry.box import Box
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, pi, sin

CUBE = Box(x=(0, 1), y=(0, 1), z=(0, 1))
FLAT = Box(x=(0, 1), y=(0, 1), t=(0, 1))


def _poisson() -> Problem:
    x, y, z = CUBE.axes
    truth = Truth(CUBE, {"u": lambda x, y, z: sin(pi * x) * sin(pi * y) * sin(pi * z) + x * y})
    law = lambda u: d(u, x, x) + d(u, y, y) + d(u, z, z)  # noqa: E731
    return truth.problem(law, [(CUBE.faces(x, y, z), lambda u: u)])


def _heat() -> Problem:
    x, y, t = FLAT.axes
    truth = Truth(FLAT, {"u": lambda x, y, t: exp(-2 * t) * sin(pi * x) * cos(2 * y)})
    law = lambda u: d(u, t) - 0.1 * (d(u, x, x) + d(u, y, y))  # noqa: E731
    return truth.problem(law, [(FLAT.face(t=0), lambda u: u), (FLAT.faces(x, y), lambda u: u)])


def _drum() -> Problem:
    x, y, t = FLAT.axes
    truth = Truth(FLAT, {"u": lambda x, y, t: cos(4 * t) * sin(pi * x) * sin(pi * y)})
    law = lambda u: d(u, t, t) - d(u, x, x) - d(u, y, y)  # noqa: E731
    places = [(FLAT.face(t=0), lambda u: (u, d(u, t))), (FLAT.faces(x, y), lambda u: u)]
    return truth.problem(law, places)


def _rotation() -> Problem:
    """A pulse in a flow that turns, with given values where it enters."""
    x, y, t = FLAT.axes
    truth = Truth(FLAT, {"u": lambda x, y, t: exp(-4 * (x - 0.5 * t) ** 2 - 3 * (y - 0.3) ** 2)})
    law = lambda u: d(u, t) + (0.5 + y) * d(u, x) + x * d(u, y)  # noqa: E731
    places = [
        (FLAT.face(t=0), lambda u: u),
        (FLAT.face(x=0), lambda u: u),
        (FLAT.face(y=0), lambda u: u),
    ]
    return truth.problem(law, places)


def _vortices() -> Problem:
    """Taylor-Green vortices; the pressure up to a constant at each time."""
    x, y, t = FLAT.axes
    fade = 0.1 * pi**2
    truth = Truth(
        FLAT,
        {
            "u": lambda x, y, t: sin(pi * x) * cos(pi * y) * exp(-2 * fade * t),
            "v": lambda x, y, t: -cos(pi * x) * sin(pi * y) * exp(-2 * fade * t),
            "p": lambda x, y, t: (cos(2 * pi * x) + cos(2 * pi * y)) * exp(-4 * fade * t) / 4,
        },
    )

    def law(u: Any, v: Any, p: Any) -> tuple[Any, ...]:
        def move(w: Any) -> Any:
            return d(w, t) + u * d(w, x) + v * d(w, y) - 0.1 * (d(w, x, x) + d(w, y, y))

        return (move(u) + d(p, x), move(v) + d(p, y), d(u, x) + d(v, y))

    places: list[Place] = [
        (FLAT.face(t=0), lambda u, v: (u, v)),
        (FLAT.faces(x, y), lambda u, v: (u, v)),
        (FLAT.face(x=0, y=0), lambda p: p),
    ]
    return truth.problem(law, places, vectors={"velocity": ("u", "v")})


CASES = (
    Case("Poisson, three axes", _poisson),
    Case("heat, two axes of space", _heat, enforce=False),
    Case("drum", _drum),
    Case("turning flow", _rotation, enforce=False),
    Case("vortices", _vortices, enforce=False),
)
