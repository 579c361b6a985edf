"""Special functions by `fit`: J0(20 x), and ten of two variables of Liu et al. (2024), table 1.

python tests/benchmarks/fit_special.py

Samples have no noise; the error is the root mean square on samples that `fit` never saw. The
ranges keep clear of singularities; orders are taken as real numbers where they can be.
"""

import argparse
import time

import numpy as np
from scipy import special

import kanpde

# Name: function, ranges of its two variables.
FUNCTIONS = {
    "ellipj sn(u, m)": (lambda u, m: special.ellipj(u, m)[0], (-4, 4), (0, 0.9)),
    "ellipkinc": (special.ellipkinc, (0, 1.4), (0, 0.9)),
    "ellipeinc": (special.ellipeinc, (0, 1.4), (0, 0.9)),
    "jv": (special.jv, (0.5, 3), (0.5, 8)),
    "yv": (special.yv, (0.5, 2), (1, 6)),
    "kv": (special.kv, (0, 2), (1, 4)),
    "iv": (special.iv, (0, 2), (0.5, 4)),
    "lpmv m=0": (lambda v, x: special.lpmv(0, v, x), (0, 4), (-0.7, 0.95)),
    "lpmv m=1": (lambda v, x: special.lpmv(1, v, x), (0, 4), (-0.7, 0.95)),
    "sph_harm Re Y_21": (
        lambda phi, theta: np.sqrt(15 / (8 * np.pi)) * np.sin(theta) * np.cos(theta) * np.cos(phi),
        (0, 2 * np.pi),
        (0, np.pi),
    ),
}
COUNT = 1500


def show(name, fitted, there, exact, seconds):
    error = np.sqrt(np.mean((there - exact) ** 2))
    spread = f"{error / exact.std():.1e} of the spread"
    print(f"{name:18} {error:.1e} ({spread})  {fitted.parameters:4} parameters  {seconds:.0f} s",
          flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", default=",".join(["J0(20x)", *FUNCTIONS]))
    names = parser.parse_args().names
    rng = np.random.default_rng(0)
    if "J0(20x)" in names:
        x, fresh = rng.uniform(-1, 1, (2, COUNT))
        start = time.process_time()
        fitted = kanpde.fit({"x": x, "y": special.j0(20 * x)}, "y", formula=False)
        seconds = time.process_time() - start
        show("J0(20x)", fitted, fitted(x=fresh), special.j0(20 * fresh), seconds)
    for name, (f, first, second) in FUNCTIONS.items():
        if name in names:
            a, fresh_a = rng.uniform(*first, (2, COUNT))
            b, fresh_b = rng.uniform(*second, (2, COUNT))
            start = time.process_time()
            fitted = kanpde.fit({"a": a, "b": b, "y": f(a, b)}, "y", formula=False)
            seconds = time.process_time() - start
            show(name, fitted, fitted(a=fresh_a, b=fresh_b), f(fresh_a, fresh_b), seconds)


if __name__ == "__main__":
    main()
