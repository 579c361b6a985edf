"""A known diffusion with an unknown source: Fisher-KPP, u_t = 0.2 u_xx + u (1 - u), from snapshots.

python examples/discover_source.py
python examples/discover_source.py --noise 0.1
"""

import argparse

import numpy as np

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

# Terms are pairs (power, derivative): (1, 2) is u_xx. Without derivatives the rest is a source.
found = kanpde.discover_field(u, x, t, derivatives=0, known={(1, 2): 0.2})
print(found.text())
source = found.coefficients()
worst = max(abs(source.get((1, 0), 0) - 1), abs(source.get((2, 0), 0) + 1))
print(f"largest error of a coefficient: {worst:.1e}")
