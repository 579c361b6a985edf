"""Problems with one axis."""

from __future__ import annotations

from kanpde.bench.estimates.case import Case, Truth
from kanpde.geometry.box import Box
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, sin, tanh


def _decay() -> Problem:
    box = Box(t=(0, 2))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: exp(-3 * t)})
    return truth.problem(lambda u: d(u, t) + 3 * u, [(box.face(t=0), lambda u: u)])


def _growth() -> Problem:
    """The logistic equation."""
    box = Box(t=(0, 4))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: 1 / (1 + 9 * exp(-3 * t))})
    return truth.problem(lambda u: d(u, t) - 3 * u * (1 - u), [(box.face(t=0), lambda u: u)])


def _oscillator() -> Problem:
    """As a system of first order, with a second field that is small."""
    box = Box(t=(0, 6))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: cos(2 * t), "v": lambda t: -2 * sin(2 * t)})
    law = lambda u, v: (d(u, t) - v, d(v, t) + 4 * u)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u, v: (u, v))])


def _pendulum() -> Problem:
    box = Box(t=(0, 5))
    (t,) = box.axes
    truth = Truth(box, {"u": lambda t: 2 * cos(1.3 * t) * exp(-0.1 * t)})
    law = lambda u: d(u, t, t) + 0.2 * d(u, t) + sin(u)  # noqa: E731
    return truth.problem(law, [(box.face(t=0), lambda u: (u, d(u, t)))])


def _layer() -> Problem:
    """Convection and diffusion, with a boundary layer of width 0.03."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    width = 0.03
    truth = Truth(box, {"u": lambda x: x - (exp((x - 1) / width) - exp(-1 / width))})
    return truth.problem(lambda u: -width * d(u, x, x) + d(u, x), [(box.faces(x), lambda u: u)])


def _reaction_layers() -> Problem:
    box = Box(x=(-1, 1))
    (x,) = box.axes
    truth = Truth(box, {"u": lambda x: exp((x - 1) / 0.05) + exp(-(x + 1) / 0.05)})
    return truth.problem(lambda u: 0.0025 * d(u, x, x) - u, [(box.faces(x), lambda u: u)])


def _helmholtz() -> Problem:
    box = Box(x=(0, 3))
    (x,) = box.axes
    truth = Truth(box, {"u": lambda x: sin(5 * x) + 0.3 * x})
    return truth.problem(lambda u: d(u, x, x) + 36 * u, [(box.faces(x), lambda u: u)])


def _beam() -> Problem:
    """Fourth order, clamped at one end and free at the other."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    truth = Truth(box, {"u": lambda x: x**2 * (x**2 - 4 * x + 6) + 0.1 * sin(6 * x) * x**2})
    places = [
        (box.face(x=0), lambda u: (u, d(u, x))),
        (box.face(x=1), lambda u: (d(u, x, x), d(u, x, x, x))),
    ]
    return truth.problem(lambda u: d(u, x, x, x, x), places)


def _reactor() -> Problem:
    """A nonlinear boundary value problem with an exponential."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    truth = Truth(box, {"u": lambda x: sin(4 * x) * (1 - x) + 0.2})
    places = [(box.face(x=0), lambda u: d(u, x) - u), (box.face(x=1), lambda u: u)]
    return truth.problem(lambda u: d(u, x, x) + exp(u), places)


def _front() -> Problem:
    """A steady front of Burgers's equation in the interior."""
    box = Box(x=(-1, 1))
    (x,) = box.axes
    truth = Truth(box, {"u": lambda x: -tanh(x / 0.1)})
    return truth.problem(lambda u: u * d(u, x) - 0.05 * d(u, x, x), [(box.faces(x), lambda u: u)])


CASES = (
    Case("decay", _decay),
    Case("logistic growth", _growth),
    Case("oscillator as a system", _oscillator, enforce=False),
    Case("damped pendulum", _pendulum),
    Case("convection layer", _layer),
    Case("reaction layers", _reaction_layers),
    Case("Helmholtz, one axis", _helmholtz, enforce=False),
    Case("beam", _beam, enforce=False),
    Case("reactor", _reactor, enforce=False),
    Case("steady front", _front),
)
