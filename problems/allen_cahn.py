"""The Allen-Cahn equation, periodic, from x^2 cos pi x (Raissi, Perdikaris & Karniadakis, 2019)."""

from kanpde import Box, Condition, Periodic, Problem, cos, d, pi
from kanpde.reference import allen_cahn as spectral


def problem(diffusion: float = 1e-4, reaction: float = 5.0) -> Problem:
    box = Box(x=(-1, 1), t=(0, 1))
    x, t = box.axes

    def allen_cahn(u):
        return d(u, t) - diffusion * d(u, x, x) - reaction * (u - u**3)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("allen_cahn", box, allen_cahn),
            Condition("initial", box.face(t=0), lambda u: u - x**2 * cos(pi * x)),
            Periodic(x),
        ],
        reference=spectral(diffusion, reaction),
    )
