"""Advection of sin x at the speed 30 around a ring of length 2 pi (Krishnapriyan et al., 2021)."""

from kanpde import Box, Condition, Periodic, Problem, d, exact, pi, sin


def problem(c: float = 30.0) -> Problem:
    box = Box(x=(0, 2 * pi), t=(0, 1))
    x, t = box.axes

    def advection(u):
        return d(u, t) + c * d(u, x)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("advection", box, advection),
            Condition("initial", box.face(t=0), lambda u: u - sin(x)),
            Periodic(x),
        ],
        reference=exact(u=lambda x, t: sin(x - c * t)),
    )
