"""Heat in a square that conducts 400 times better along y than along x, until half is left.

The exact answer has twelve half waves along x, which hardly decay by themselves.
"""

from kanpde import Box, Condition, Problem, d, exact, exp, pi, sin


def problem(ratio: float = 400.0, waves: int = 12) -> Problem:
    box = Box(x=(0, 1), y=(0, 1), t=(0, 0.05))
    x, y, t = box.axes

    def solution(x, y, t):
        rapid = sin(waves * pi * x) * sin(pi * y) * exp(-(waves**2 / ratio + 1) * pi**2 * t)
        return rapid + sin(pi * x) * sin(3 * pi * y) * exp(-(1 / ratio + 9) * pi**2 * t)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, lambda u: d(u, t) - d(u, x, x) / ratio - d(u, y, y)),
            Condition("start", box.face(t=0), lambda u: u - solution(x, y, 0)),
            Condition("walls", box.faces(x, y), lambda u: u),
        ],
        reference=exact(u=solution),
    )
