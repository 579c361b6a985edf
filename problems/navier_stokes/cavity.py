"""The lid-driven cavity (Re 100), in its stream function (Ghia, Ghia & Shin, 1982).

The lid's corners are singular: the velocity jumps there and the vorticity grows like 1/r.
The stream function's lift takes the two leading singular terms in closed form (Goodier, 1934;
Taylor, 1962; two terms are used for the cavity by Botella & Peyret, 1998), so the network
learns a smooth remainder, and mass is conserved exactly.
"""

from kanpde import Box, Condition, Problem, arctan, d, pi, sqrt
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

    def corner(s, q, sense):
        """The flow between the moving lid (s along it) and a resting wall (q along it).

        The first term is creeping flow, r f(a); the second, r^2 g(a), balances its inertia:
        it is the solution of nabla^4 (r^2 g) = -Re (f h)' / r^2, h = -(f + f'').
        """
        a = arctan(q / s)
        creeping = (a * (s + pi / 2 * q) - pi**2 / 4 * q) / (pi**2 / 4 - 1)
        sine = (
            (1 - pi**2 / 4) * a**2 + (3 / 2 + pi**2 / 4) * pi * a
            - 3 / 4 - 5 * pi**2 / 16 - pi**4 / 32
        )  # fmt: skip
        cosine = (
            -pi * a**2 + (3 / 2 + pi**2 / 8) * a
            - 3 * pi / 8 + 7 * pi**3 / 32 + pi**5 / 64
        )  # fmt: skip
        rest = (pi**2 / 2 + pi**4 / 16) * a + 3 * pi / 8 - 7 * pi**3 / 32 - pi**5 / 64
        inertia = 2 * s * q * sine + (s**2 - q**2) * cosine + (s**2 + q**2) * rest
        return creeping + sense * reynolds * inertia / (pi**2 - 4) ** 2

    def step(s):
        """From 0 to 1, flat to third order at both ends: it leaves the corner terms as they are."""
        return s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)

    lift = step(y) * (step(1 - x) * corner(x, 1 - y, 1) + step(x) * corner(1 - x, 1 - y, -1))

    # What remains grows like 1/r at the lid's corners; this factor bounds it.
    distance = sqrt((x**2 + (1 - y) ** 2) * ((1 - x) ** 2 + (1 - y) ** 2))

    def transport(psi):
        u, v = velocity(psi)
        w = vorticity(psi)
        return distance * (u * d(w, x) + v * d(w, y) - nu * laplacian(w))

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
