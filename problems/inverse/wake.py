"""How viscous is a fluid? Read off 500 noisy velocities in a wake, with nothing known at its ends.

The wake is that of Kovasznay (1948), behind a row of cylinders, one period of it. The pressure,
which nobody has measured, comes out up to a constant.
"""

import numpy as np

from kanpde import Box, Condition, Periodic, Problem, d, observe, unknown
from kanpde.reference import Reference


def problem(viscosity: float = 0.025, noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(-0.5, 1), y=(-0.5, 0.5))
    x, y = box.axes
    nu = unknown("nu", start=0.1, positive=True)

    def laplacian(f):
        return d(f, x, x) + d(f, y, y)

    def momentum(u, v, p):
        along_x = u * d(u, x) + v * d(u, y) + d(p, x) - nu * laplacian(u)
        along_y = u * d(v, x) + v * d(v, y) + d(p, y) - nu * laplacian(v)
        return along_x, along_y

    def kovasznay(x, y):
        rate = 1 / (2 * viscosity) - np.sqrt(1 / (4 * viscosity**2) + 4 * np.pi**2)
        u = 1 - np.exp(rate * x) * np.cos(2 * np.pi * y)
        v = rate / (2 * np.pi) * np.exp(rate * x) * np.sin(2 * np.pi * y)
        return {"u": u, "v": v, "p": (1 - np.exp(2 * rate * x)) / 2}

    random = np.random.default_rng(seed)
    places = {"x": random.uniform(-0.5, 1, 500), "y": random.uniform(-0.5, 0.5, 500)}
    truth = kovasznay(**places)
    readings = {
        name: truth[name] + random.normal(0, noise * np.std(truth["u"]), 500) for name in ("u", "v")
    }

    return Problem(
        box,
        fields="u v p",
        conditions=[
            Condition("momentum", box, momentum),
            Condition("mass", box, lambda u, v: d(u, x) + d(v, y)),
            Periodic(y),
            Condition("pressure gauge", box.point(x=1, y=0), lambda p: p),
            observe("velocimetry", box.points(**places), **readings),
        ],
        vectors={"velocity": ("u", "v")},
        reference=Reference(
            kovasznay, ("u", "v", "p"), "closed form (Kovasznay, 1948)", 0.0, gauge=("p",)
        ),
    )
