"""A round plate with a hole, cooled: its rim is cold, the hole loses heat (a Robin condition)."""

from kanpde import Condition, Disk, Problem, d, sqrt
from kanpde.reference import cooled_ring


def problem(inner: float = 0.4, transfer: float = 2.0, diffusivity: float = 0.5) -> Problem:
    plate = Disk(x=0, y=0, radius=1) - Disk(x=0, y=0, radius=inner, name="hole")
    domain = plate.over(t=(0, 0.5))
    x, y, t = domain.axes
    n = domain.normal
    # The start satisfies both conditions: u_r = transfer u in the hole.
    gap = 1 - inner
    bend = (transfer * (1 - inner**2) + 2 * inner) / (2 * gap + transfer * gap**2)

    def start(r):
        return 1 - r**2 - bend * (1 - r) ** 2

    def loss(u):
        return n[0] * d(u, x) + n[1] * d(u, y) + transfer * u

    return Problem(
        domain,
        fields="u",
        conditions=[
            Condition("heat", domain, lambda u: d(u, t) - diffusivity * (d(u, x, x) + d(u, y, y))),
            Condition("start", domain.face(t=0), lambda u: u - start(sqrt(x**2 + y**2))),
            Condition("hole", domain.boundary("hole"), loss),
            Condition("rim", domain.boundary("disk"), lambda u: u),
        ],
        reference=cooled_ring(inner, transfer, diffusivity, start),
    )
