"""Sound on a rigid cylinder, exact answer by Hankel's series (Bowman, Senior & Uslenghi, 1969).

u + i v is what the cylinder scatters of the wave exp(i k x). In place of the rest of the plane the
third radiation condition of Hagstrom & Hariharan (1998), written for one frequency, holds on the
circle r = outer. With it the answer in the ring is 2e-5 away from that in the whole plane, which
is the reference (k = 10, outer = 2; 4e-4 with outer = 1.5 and 5e-7 with outer = 3).
"""

import numpy as np
from scipy.special import h1vp, hankel1, jvp

from kanpde import Condition, Disk, Problem, cos, d, exact, sin


def plus(*waves):
    return sum(wave[0] for wave in waves), sum(wave[1] for wave in waves)


def times(factor: complex, wave):
    u, v = wave
    return factor.real * u - factor.imag * v, factor.real * v + factor.imag * u


def problem(k: float = 10.0, outer: float = 2.0) -> Problem:
    cylinder = Disk(x=0, y=0, radius=1, name="cylinder")
    ring = Disk(x=0, y=0, radius=outer, name="outer") - cylinder
    x, y = ring.axes

    def helmholtz(u, v):
        return [(d(w, x, x) + d(w, y, y)) / k**2 + w for w in (u, v)]

    def slope(w):  # r w_r
        return x * d(w, x) + y * d(w, y)

    def turn(w):
        return x * d(w, y) - y * d(w, x)

    def rigid(u, v):
        return (slope(u) - k * x * sin(k * x)) / k, (slope(v) + k * x * cos(k * x)) / k

    def decay(j):
        return complex(j / outer, -k)

    def spread(j, wave):
        bent = [((j - 0.5) ** 2 * w + turn(turn(w))) / (4 * outer**2) for w in wave]
        return bent[0], bent[1]

    def radiation(u, v):
        """A_1 w_1 = 2 M_1 w + w_2, A_2 w_2 = M_2 w_1 + w_3, A_3 w_3 = M_3 w_2, without w_2, w_3."""
        wave = u, v
        first = plus((slope(u) / outer, slope(v) / outer), times(complex(0.5 / outer, -k), wave))
        second = plus(times(decay(1), first), times(-2, spread(1, wave)))
        left = plus(times(decay(2) * decay(3), second), times(-1, spread(3, second)))
        right = times(decay(3), spread(2, first))
        return times(1 / k**4, plus(left, times(-1, right)))

    def series(x, y):
        r, angle = np.hypot(x, y), np.arctan2(y, x)
        orders = np.arange(0, int(k + 12 * k ** (1 / 3)) + 10)
        return sum(
            -(2 - (n == 0)) * 1j**n * jvp(n, k) / h1vp(n, k) * hankel1(n, k * r) * np.cos(n * angle)
            for n in orders
        )

    return Problem(
        ring,
        fields=("u", "v"),
        conditions=[
            Condition("helmholtz", ring, helmholtz),
            Condition("rigid", ring.boundary("cylinder"), rigid),
            Condition("radiation", ring.boundary("outer"), radiation),
        ],
        reference=exact(
            "Hankel's series in the whole plane",
            u=lambda x, y: series(x, y).real,
            v=lambda x, y: series(x, y).imag,
        ),
    )
