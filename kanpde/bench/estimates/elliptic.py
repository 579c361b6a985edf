"""Elliptic problems in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.bench.estimates.case import Case, Function, Place, Truth
from kanpde.geometry.box import Box
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import observe
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Expression
from kanpde.symbols.functions import arctan, cos, d, exp, pi, sin, sqrt, tanh

BOX = Box(x=(0, 1), y=(0, 1))
x, y = BOX.axes


def _laplacian(u: Any) -> Expression:
    return d(u, x, x) + d(u, y, y)


def _dirichlet(law: Function, answer: Function) -> Problem:
    """One field, given on the whole boundary."""
    return Truth(BOX, {"u": answer}).problem(law, [(BOX.faces(x, y), lambda u: u)])


def _poisson() -> Problem:
    return _dirichlet(_law_of_poisson, lambda x, y: sin(pi * x) * sin(2 * pi * y))


def _law_of_poisson(u: Any) -> Expression:
    return _laplacian(u)


def _poisson_trained() -> Problem:
    return _dirichlet(_law_of_poisson, lambda x, y: exp(x) * cos(3 * y) + x * y)


def _anisotropic() -> Problem:
    law = lambda u: d(u, x, x) + 0.01 * d(u, y, y)  # noqa: E731
    return _dirichlet(law, lambda x, y: sin(pi * x) * sin(3 * pi * y) + x * y)


def _helmholtz() -> Problem:
    return _dirichlet(lambda u: _laplacian(u) + 45 * u, lambda x, y: sin(5 * x + 2) * cos(4 * y))


def _cubic() -> Problem:
    law = lambda u: _laplacian(u) - 5 * u**3  # noqa: E731
    return _dirichlet(law, lambda x, y: 2 * sin(pi * x) * sin(pi * y) + y)


def _minimal_surface() -> Problem:
    def law(u: Any) -> Expression:
        p, q = d(u, x), d(u, y)
        mixed = 2 * p * q * d(u, x, y)
        return (1 + q**2) * d(u, x, x) - mixed + (1 + p**2) * d(u, y, y)

    return _dirichlet(law, lambda x, y: sin(2 * x) * y + 0.5 * cos(3 * y))


def _mixed() -> Problem:
    """Slopes on three sides, a value on one."""
    truth = Truth(BOX, {"u": lambda x, y: cos(pi * x) * cos(pi * y) + y**2})
    places = [
        (BOX.faces(x), lambda u: d(u, x)),
        (BOX.face(y=1), lambda u: d(u, y)),
        (BOX.face(y=0), lambda u: u),
    ]
    return truth.problem(_law_of_poisson, places)


def _corner() -> Problem:
    """A harmonic function with an infinite slope in a corner."""
    return _dirichlet(
        _law_of_poisson, lambda x, y: (x**2 + y**2) ** (1 / 3) * cos(2 / 3 * _angle(x, y))
    )


def _angle(x: Any, y: Any) -> Any:
    return 2 * arctan(y / (sqrt(x**2 + y**2) + x + 1e-30))


def _inner_layer() -> Problem:
    law = lambda u: d(u, x) + 0.5 * d(u, y) - 0.02 * _laplacian(u)  # noqa: E731
    return _dirichlet(law, lambda x, y: tanh((y - 0.5 * x - 0.3) / 0.1))


def _biharmonic() -> Problem:
    def law(u: Any) -> Expression:
        return d(u, x, x, x, x) + 2 * d(u, x, x, y, y) + d(u, y, y, y, y)

    truth = Truth(BOX, {"u": lambda x, y: sin(pi * x) ** 2 * sin(pi * y) ** 2 + x})
    places = [
        (BOX.faces(x), lambda u: (u, d(u, x))),
        (BOX.faces(y), lambda u: (u, d(u, y))),
    ]
    return truth.problem(law, places)


def _cauchy_riemann() -> Problem:
    truth = Truth(
        BOX, {"u": lambda x, y: exp(x) * cos(2 * y + x), "v": lambda x, y: exp(y) * sin(3 * x)}
    )
    law = lambda u, v: (d(u, x) - d(v, y), d(u, y) + d(v, x))  # noqa: E731
    return truth.problem(law, [(BOX.faces(x), lambda u: u), (BOX.faces(y), lambda v: v)])


def _channel() -> Problem:
    """Flow between plates: the second velocity is zero."""
    truth = Truth(
        BOX,
        {
            "u": lambda x, y: 4 * y * (1 - y),
            "v": lambda x, y: 0 * x,
            "p": lambda x, y: 0.8 * (1 - x),
        },
    )

    def law(u: Any, v: Any, p: Any) -> tuple[Any, ...]:
        return (
            u * d(u, x) + v * d(u, y) + d(p, x) - 0.1 * _laplacian(u),
            u * d(v, x) + v * d(v, y) + d(p, y) - 0.1 * _laplacian(v),
            d(u, x) + d(v, y),
        )

    places = [
        (BOX.faces(y), lambda u, v: (u, v)),
        (BOX.face(x=0), lambda u, v: (u, v)),
        (BOX.face(x=1), lambda v, p: (v, p)),
    ]
    return truth.problem(law, places, vectors={"velocity": ("u", "v")})


def _stokes() -> Problem:
    truth = Truth(
        BOX,
        {
            "u": lambda x, y: sin(pi * x) * cos(pi * y),
            "v": lambda x, y: -cos(pi * x) * sin(pi * y),
            "p": lambda x, y: 3 * x * y + sin(2 * x),
        },
    )

    def law(u: Any, v: Any, p: Any) -> tuple[Any, ...]:
        return (d(p, x) - _laplacian(u), d(p, y) - _laplacian(v), d(u, x) + d(v, y))

    places: list[Place] = [
        (BOX.faces(x, y), lambda u, v: (u, v)),
        (BOX.point(x=0, y=0), lambda p: p),
    ]
    return truth.problem(law, places, gauge=("p",), vectors={"velocity": ("u", "v")})


def _unknown_source() -> Problem:
    """A number in the equation, from readings."""
    grid = np.linspace(0.1, 0.9, 5)
    at = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    readings = BOX.points(x=at[:, 0], y=at[:, 1])
    values = np.sin(np.pi * at[:, 0]) * np.sin(np.pi * at[:, 1])

    def law(u: Any, a: Any) -> Any:
        return _laplacian(u) + a * sin(pi * x) * sin(pi * y)

    truth = Truth(BOX, {"u": lambda x, y: sin(pi * x) * sin(pi * y)})
    known = truth.problem(_law_of_poisson, [])
    return Problem(
        BOX,
        {"u": (x, y), "a": ()},
        [
            Condition("law", BOX, law),
            Condition("edges", BOX.faces(x, y), lambda u: u),
            observe("readings", readings, u=values),
        ],
        reference=known.reference,
    )


CASES = (
    Case("Poisson", _poisson),
    Case("Poisson, trained edges", _poisson_trained, enforce=False),
    Case("anisotropic diffusion", _anisotropic),
    Case("Helmholtz", _helmholtz),
    Case("cubic reaction", _cubic),
    Case("minimal surface", _minimal_surface, enforce=False),
    Case("slopes on three sides", _mixed, enforce=False),
    Case("singular corner", _corner, enforce=False),
    Case("inner layer", _inner_layer, enforce=False),
    Case("biharmonic", _biharmonic, enforce=False),
    Case("Cauchy-Riemann", _cauchy_riemann, enforce=False),
    Case("channel flow", _channel, enforce=False),
    Case("Stokes flow", _stokes, enforce=False),
    Case("unknown number", _unknown_source),
)
