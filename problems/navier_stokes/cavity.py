"""The lid-driven cavity at Re 100, in its stream function (Ghia, Ghia & Shin, 1982).

The lid's corners are singular: the velocity jumps there and the vorticity grows like 1/r.
The stream function's lift takes the two singular parts in closed form (Goodier, 1934;
Taylor, 1962; used for the cavity by Botella & Peyret, 1998), so the network learns a
smooth remainder, and mass is conserved exactly.
"""

from kanpde import Box, Condition, Problem, arctan, d, pi
from kanpde.reference import cavity as classical


def problem(reynolds: float = 100.0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    nu = 1 / reynolds

    def laplacian(f):
        return d(f, x, x) + d(f, y, y)

    def velocity(psi):
        return d(psi, y), -d(psi, x)

    def vorticity(psi):
        return -laplacian(psi)

    # Stokes flow in the corner between a moving and a resting wall at right angles:
    # s along the lid and q away from it, psi = -q on the lid to first order.
    def scraper(s, q):
        c = 1 / (pi**2 / 4 - 1)
        return c * (arctan(q / s) * (s + pi / 2 * q) - pi**2 / 4 * q)

    def step(s):
        return s**2 * (3 - 2 * s)

    lift = step(y) * (step(1 - x) * scraper(x, 1 - y) + step(x) * scraper(1 - x, 1 - y))
    # The equation is multiplied by r^2 at both corners, where it would grow like 1/r^2.
    corners = (x**2 + (1 - y) ** 2) * ((1 - x) ** 2 + (1 - y) ** 2)

    def transport(psi):
        u, v = velocity(psi)
        w = vorticity(psi)
        return corners * (u * d(w, x) + v * d(w, y) - nu * laplacian(w))

    return Problem(
        box,
        fields="psi",
        conditions=[
            Condition("vorticity transport", box, transport),
            Condition("impermeable walls", box.faces(x, y), lambda psi: psi),
            Condition("side walls", box.faces(x), lambda psi: d(psi, x)),
            Condition("floor", box.face(y=0), lambda psi: d(psi, y)),
            Condition("lid", box.face(y=1), lambda psi: d(psi, y) - 1),
        ],
        lift={"psi": lift},
        derived={
            "u": lambda psi: velocity(psi)[0],
            "v": lambda psi: velocity(psi)[1],
            "vorticity": vorticity,
        },
        vectors={"velocity": ("u", "v")},
        reference=classical(reynolds),
    )
