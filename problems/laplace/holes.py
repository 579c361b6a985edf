"""Laplace's equation on a plate with three holes: two are held at a value, one lets a flux in."""

from kanpde import Condition, Disk, Integral, Problem, Rectangle, d
from kanpde.reference import harmonic


def problem(flux: float = 2.0) -> Problem:
    sheet = Rectangle(x=(0, 2), y=(0, 1))
    circles = {"warm": (0.5, 0.5, 0.2), "heated": (1.2, 0.65, 0.12), "cold": (1.55, 0.3, 0.15)}
    warm, heated, cold = (
        Disk(x=x, y=y, radius=r, name=name) for name, (x, y, r) in circles.items()
    )
    plate = sheet - warm - heated - cold
    x, y = plate.axes
    n = plate.normal

    def laplace(u):
        return d(u, x, x) + d(u, y, y)

    def outflow(u):
        return n[0] * d(u, x) + n[1] * d(u, y)

    return Problem(
        plate,
        fields="u",
        conditions=[
            Condition("laplace", plate, laplace),
            Condition("sides", plate.boundary(sheet), lambda u: u),
            Condition("warm", plate.boundary(warm), lambda u: u - 1),
            Condition("cold", plate.boundary(cold), lambda u: u + 0.5),
            Condition("heated", plate.boundary(heated), lambda u: outflow(u) - flux),
        ],
        integrals={
            "flux through all edges": Integral(outflow, plate.boundary(), exact=0.0),
            "flux through the warm hole": Integral(outflow, plate.boundary(warm)),
        },
        reference=harmonic(
            sides=((0, 2), (0, 1)),
            values={circles["warm"]: 1.0, circles["cold"]: -0.5},
            fluxes={circles["heated"]: flux},
        ),
    )
