"""Poisson's equation in a disc with u = 0 on its rim and a known answer."""

from kanpde import Condition, Disk, Problem, d, exact, exp, sin


def problem(radius: float = 1.0) -> Problem:
    disk = Disk(x=0, y=0, radius=radius)
    x, y = disk.axes

    def solution(x, y):
        return (radius**2 - x**2 - y**2) * sin(3 * x + 1) * exp(y)

    source = d(solution(x, y), x, x) + d(solution(x, y), y, y)
    return Problem(
        disk,
        fields="u",
        conditions=[
            Condition("poisson", disk, lambda u: d(u, x, x) + d(u, y, y) - source),
            Condition("rim", disk.boundary(), lambda u: u),
        ],
        reference=exact(u=solution),
    )
