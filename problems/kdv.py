"""The Korteweg-de Vries equation, periodic, from cos pi x to solitons (Zabusky & Kruskal, 1965)."""

from kanpde import Box, Condition, Periodic, Problem, cos, d, pi
from kanpde.reference import kdv as spectral


def problem(dispersion: float = 0.022) -> Problem:
    box = Box(x=(-1, 1), t=(0, 1))
    x, t = box.axes

    def korteweg_de_vries(u):
        return d(u, t) + u * d(u, x) + dispersion**2 * d(u, x, x, x)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("korteweg_de_vries", box, korteweg_de_vries),
            Condition("initial", box.face(t=0), lambda u: u - cos(pi * x)),
            Periodic(x),
        ],
        reference=spectral(dispersion),
    )
