"""A known diffusion with an unknown source: Fisher-KPP, u_t = 0.2 u_xx + u (1 - u), from snapshots.

python examples/discover_source.py
python examples/discover_source.py --noise 0.1
"""

import argparse

import numpy as np
import sympy

import kanpde
from kanpde.reference.etdrk4 import march

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--noise", type=float, default=0.0, help="beside the field's deviation")
options = parser.parse_args()

count = 128
x = 2 * np.pi * np.arange(count) / count
t = np.linspace(0, 2, 101)
k = np.arange(count // 2 + 1)
path = march(
    (1 - 0.2 * k**2).astype(complex),
    lambda s, v: (k < 40) * np.fft.rfft(-(np.fft.irfft(v, count) ** 2)),
    np.fft.rfft(0.3 + 0.25 * np.sin(x) + 0.2 * np.cos(3 * x)),
    (0.0, 2.0),
    steps=1000,
    every=10,
)
u = np.array([np.fft.irfft(v, count) for v in path])
u += options.noise * u.std() * np.random.default_rng(0).standard_normal(u.shape)

# Terms are pairs (power, derivative): (1, 2) is u_xx, which is known; f(u) is not.
found = kanpde.discover_source(u, x, t, known={(1, 2): 0.2})
print(found.text())

# The formula, and the network of f, if no formula is wanted.
symbol = sympy.Symbol("u", real=True)
source = sympy.Poly(found.formula, symbol)
worst = max(abs(source.coeff_monomial(symbol) - 1), abs(source.coeff_monomial(symbol**2) + 1))
print(f"largest error of a coefficient: {worst:.1e}")
grid = np.linspace(found.low, found.high, 101)
off = np.abs(found(grid) - grid * (1 - grid)).max()
print(
    f"largest error of the network: {off:.1e}, twice its standard error: "
    f"{2 * found.error(grid).max():.1e}"
)
