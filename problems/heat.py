"""The heat equation of a rod with cold ends, in a slow and a fast mode (Fourier, 1822)."""

from kanpde import Box, Condition, Problem, d, exact, exp, pi, sin


def problem(diffusivity: float = 0.05) -> Problem:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes

    def solution(x, t):
        slow = sin(pi * x) * exp(-diffusivity * pi**2 * t)
        fast = sin(4 * pi * x) * exp(-diffusivity * (4 * pi) ** 2 * t)
        return slow + fast / 2

    def heat(u):
        return d(u, t) - diffusivity * d(u, x, x)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, heat),
            Condition("initial", box.face(t=0), lambda u: u - solution(x, 0)),
            Condition("cold ends", box.faces(x), lambda u: u),
        ],
        reference=exact(u=solution),
    )
