"""The lid-driven cavity (Re 100), in its stream function and pressure (Ghia, Ghia & Shin, 1982).

The lid's corners are singular: the velocity jumps there, and vorticity and pressure grow like 1/r.
The lift takes the two leading terms there in closed form (Goodier, 1934; Taylor, 1962; two terms
are used for the cavity by Botella & Peyret, 1998), so the network learns a smooth remainder. The
stream function conserves mass exactly.
"""

from kanpde import Box, Condition, Problem, arctan, d, log, pi, sqrt
from kanpde.reference import cavity as classical


def problem(reynolds: float = 100.0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    nu = 1 / reynolds

    def laplacian(f):
        return d(f, x, x) + d(f, y, y)

    def velocity(psi):
        return d(psi, y), -d(psi, x)

    def corner(s, q, sense):
        """The flow between the moving lid (s along it) and a resting wall (q along it).

        The first term is creeping flow, r f(a); the second, r^2 g(a), balances its inertia:
        it is the solution of nabla^4 (r^2 g) = -Re (f h)' / r^2, h = -(f + f''). Returns the
        stream function and the pressure, whose second term is a logarithm.
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
        psi = creeping + sense * reynolds * inertia / (pi**2 - 4) ** 2
        square = s**2 + q**2
        p = -sense * nu * (2 * s + pi * q) / ((pi**2 / 4 - 1) * square)
        p += pi**2 * (8 - pi**2) / (8 * (pi**2 - 4) ** 2) * log(square)
        return psi, p

    def step(s):
        """From 0 to 1, flat to third order at both ends: it leaves the corner terms as they are."""
        return s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)

    left, right = corner(x, 1 - y, 1), corner(1 - x, 1 - y, -1)
    lift = {
        name: step(y) * (step(1 - x) * a + step(x) * b)
        for name, a, b in zip(("psi", "p"), left, right, strict=True)
    }

    # The momentum equations miss terms like log r at the lid's corners; this factor bounds them.
    distance = sqrt((x**2 + (1 - y) ** 2) * ((1 - x) ** 2 + (1 - y) ** 2))

    def momentum(psi, p):
        u, v = velocity(psi)
        along_x = u * d(u, x) + v * d(u, y) + d(p, x) - nu * laplacian(u)
        along_y = u * d(v, x) + v * d(v, y) + d(p, y) - nu * laplacian(v)
        return distance * along_x, distance * along_y

    return Problem(
        box,
        fields="psi p",
        conditions=[
            Condition("momentum", box, momentum),
            Condition("impermeable walls", box.faces(x, y), lambda psi: psi),
            Condition("side walls", box.faces(x), lambda psi: d(psi, x)),
            Condition("floor", box.face(y=0), lambda psi: d(psi, y)),
            Condition("lid", box.face(y=1), lambda psi: d(psi, y) - 1),
            Condition("pressure gauge", box.point(x=0.5, y=0), lambda p: p),
        ],
        lift=lift,
        derived={
            "u": lambda psi: velocity(psi)[0],
            "v": lambda psi: velocity(psi)[1],
            "vorticity": lambda psi: -laplacian(psi),
        },
        vectors={"velocity": ("u", "v")},
        reference=classical(reynolds),
        continue_from=problem(reynolds / 3) if reynolds > 200 else None,
    )
