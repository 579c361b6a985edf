"""The wave equation of a string at rest in two modes (Wang, Yu & Perdikaris, 2022)."""

from kanpde import Box, Condition, Problem, cos, d, exact, pi, sin


def problem(c: float = 2.0) -> Problem:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes

    def solution(x, t):
        slow = sin(pi * x) * cos(c * pi * t)
        fast = sin(4 * pi * x) * cos(4 * c * pi * t)
        return slow + fast / 2

    def wave(u):
        return d(u, t, t) - c**2 * d(u, x, x)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("wave", box, wave),
            Condition("shape", box.face(t=0), lambda u: u - solution(x, 0)),
            Condition("at rest", box.face(t=0), lambda u: d(u, t)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
        reference=exact(u=solution),
    )
