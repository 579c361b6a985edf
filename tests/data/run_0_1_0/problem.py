"""A rod between cold walls, as version 0.1.0 saved it."""

from kanpde import Box, Chebyshev, Condition, LeastSquares, Periodic, Plan, Problem, d, pi, sin


def problem(k: float = 0.1) -> Problem:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - k * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(2 * pi * x)),
            Periodic(x),
        ],
    )


def plan() -> Plan:
    return Plan(widths=(4,), basis=Chebyshev(4), stages=(LeastSquares(20),))
