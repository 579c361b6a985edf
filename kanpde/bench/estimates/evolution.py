"""Parabolic and hyperbolic problems with one axis of space."""

from __future__ import annotations

from typing import Any

from kanpde.bench.estimates.case import Case, Truth
from kanpde.geometry.box import Box
from kanpde.problem.conditions.periodic import Periodic
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, pi, sin, sqrt, tanh

BOX = Box(x=(0, 1), t=(0, 1))
x, t = BOX.axes
RING = Box(x=(-1, 1), t=(0, 1))
rx, rt = RING.axes


def _heat() -> Problem:
    truth = Truth(
        BOX,
        {
            "u": lambda x, t: (
                exp(-(pi**2) * t / 4) * sin(pi * x) + exp(-4 * pi**2 * t / 4) * sin(2 * pi * x)
            )
        },
    )
    law = lambda u: d(u, t) - 0.25 * d(u, x, x)  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.faces(x), lambda u: u)])


def _heat_slopes() -> Problem:
    truth = Truth(BOX, {"u": lambda x, t: 1 + exp(-2 * t) * cos(pi * x) + x * t})
    law = lambda u: d(u, t) - 0.1 * d(u, x, x)  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.faces(x), lambda u: d(u, x))])


def _burgers() -> Problem:
    """A shock that travels."""
    truth = Truth(BOX, {"u": lambda x, t: 0.5 - 0.5 * tanh((x - 0.5 * t - 0.25) / 0.12)})
    law = lambda u: d(u, t) + u * d(u, x) - 0.03 * d(u, x, x)  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.faces(x), lambda u: u)])


def _fisher() -> Problem:
    """A front of Fisher's equation, from an unstable state."""
    box = Box(x=(-2, 4), t=(0, 1))
    x, t = box.axes
    truth = Truth(box, {"u": lambda x, t: (1 + exp(sqrt(2.0) * (x - 5 / sqrt(2.0) * t / 2))) ** -2})
    law = lambda u: d(u, t) - d(u, x, x) - 3 * u * (1 - u)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u: u), (box.faces(x), lambda u: u)])


def _allen_cahn() -> Problem:
    truth = Truth(RING, {"u": lambda x, t: exp(-t) * cos(pi * x) + 0.5 * sin(2 * pi * x) * t})
    law = lambda u: d(u, rt) - 0.01 * d(u, rx, rx) + 4 * (u**3 - u)  # noqa: E731
    return truth.problem(law, [(RING.face(t=0), lambda u: u)], Periodic(rx))


def _brusselator() -> Problem:
    truth = Truth(
        BOX,
        {
            "u": lambda x, t: 1 + 0.5 * sin(pi * x) * cos(4 * t),
            "w": lambda x, t: 2 + 0.5 * sin(2 * pi * x) * exp(-t),
        },
    )

    def law(u: Any, w: Any) -> tuple[Any, ...]:
        rate = u**2 * w
        return (
            d(u, t) - 0.05 * d(u, x, x) - 1 - rate + 3 * u,
            d(w, t) - 0.1 * d(w, x, x) - 2 * u + rate,
        )

    places = [(BOX.face(t=0), lambda u, w: (u, w)), (BOX.faces(x), lambda u, w: (u, w))]
    return truth.problem(law, places)


def _fast_decay() -> Problem:
    truth = Truth(BOX, {"u": lambda x, t: exp(-12 * t) * sin(pi * x)})
    law = lambda u: d(u, t) - d(u, x, x)  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.faces(x), lambda u: u)])


def _drift() -> Problem:
    """A pulse that drifts and spreads."""
    truth = Truth(BOX, {"u": lambda x, t: exp(-((x - 0.3 - 0.4 * t) ** 2) / (0.02 + 0.02 * t))})
    law = lambda u: d(u, t) + 0.4 * d(u, x) - 0.005 * d(u, x, x)  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.faces(x), lambda u: u)])


def _advection() -> Problem:
    truth = Truth(RING, {"u": lambda x, t: sin(pi * (x - 3 * t)) + 0.3 * cos(3 * pi * (x - 3 * t))})
    law = lambda u: d(u, rt) + 3 * d(u, rx)  # noqa: E731
    return truth.problem(law, [(RING.face(t=0), lambda u: u)], Periodic(rx))


def _inflow() -> Problem:
    truth = Truth(BOX, {"u": lambda x, t: sin(6 * (x - t)) * exp(-x)})
    law = lambda u: d(u, t) + d(u, x) + u  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda u: u), (BOX.face(x=0), lambda u: u)])


def _string() -> Problem:
    truth = Truth(
        BOX,
        {"u": lambda x, t: sin(pi * x) * cos(2 * pi * t) + 0.3 * sin(3 * pi * x) * cos(6 * pi * t)},
    )
    law = lambda u: d(u, t, t) - 4 * d(u, x, x)  # noqa: E731
    return truth.problem(
        law, [(BOX.face(t=0), lambda u: (u, d(u, t))), (BOX.faces(x), lambda u: u)]
    )


def _sound() -> Problem:
    """The wave equation as a system of first order; pressure and velocity."""
    truth = Truth(
        BOX,
        {
            "p": lambda x, t: cos(3 * (x - t)) + 0.5 * sin(5 * (x + t)),
            "v": lambda x, t: cos(3 * (x - t)) - 0.5 * sin(5 * (x + t)),
        },
    )
    law = lambda p, v: (d(p, t) + d(v, x), d(v, t) + d(p, x))  # noqa: E731
    return truth.problem(law, [(BOX.face(t=0), lambda p, v: (p, v)), (BOX.faces(x), lambda v: v)])


def _klein_gordon() -> Problem:
    truth = Truth(BOX, {"u": lambda x, t: x * cos(5 * t) + (x * t) ** 3})
    law = lambda u: d(u, t, t) - d(u, x, x) + u**3  # noqa: E731
    return truth.problem(
        law, [(BOX.face(t=0), lambda u: (u, d(u, t))), (BOX.faces(x), lambda u: u)]
    )


def _soliton() -> Problem:
    """Korteweg-de Vries, third order in space."""
    box = Box(x=(-4, 6), t=(0, 1))
    x, t = box.axes
    truth = Truth(box, {"u": lambda x, t: 2 / (0.5 * (exp(x - 4 * t) + exp(4 * t - x))) ** 2})
    law = lambda u: d(u, t) + 6 * u * d(u, x) + d(u, x, x, x)  # noqa: E731
    places = [
        (box.face(t=0), lambda u: u),
        (box.face(x=-4), lambda u: u),
        (box.face(x=6), lambda u: (u, d(u, x))),
    ]
    return truth.problem(law, places)


def _schroedinger() -> Problem:
    """Real and imaginary part, periodic."""
    truth = Truth(
        RING,
        {
            "u": lambda x, t: cos(pi * x - 3 * t) + 0.2 * cos(t),
            "v": lambda x, t: sin(pi * x - 3 * t) + 0.2 * sin(t),
        },
    )

    def law(u: Any, v: Any) -> tuple[Any, ...]:
        size = u**2 + v**2
        return (
            d(u, rt) + 0.5 * d(v, rx, rx) + size * v,
            d(v, rt) - 0.5 * d(u, rx, rx) - size * u,
        )

    return truth.problem(law, [(RING.face(t=0), lambda u, v: (u, v))], Periodic(rx))


CASES = (
    Case("heat", _heat),
    Case("heat, slopes at the ends", _heat_slopes, enforce=False),
    Case("travelling shock", _burgers, enforce=False),
    Case("Fisher front", _fisher),
    Case("Allen-Cahn", _allen_cahn),
    Case("two reactants", _brusselator, enforce=False),
    Case("fast decay", _fast_decay, enforce=False),
    Case("drifting pulse", _drift),
    Case("advection", _advection),
    Case("inflow", _inflow, enforce=False),
    Case("string", _string),
    Case("sound as a system", _sound, enforce=False),
    Case("Klein-Gordon", _klein_gordon, enforce=False),
    Case("soliton", _soliton, enforce=False),
    Case("Schroedinger", _schroedinger),
)
