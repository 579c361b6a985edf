"""Equations of two fields of a plane from noisy snapshots: lambda-omega waves.

python examples/discover_plane.py
"""

import numpy as np

import kanpde
from kanpde.reference.etdrk4 import march

# w = u + i v with w_t = 0.1 lap(w) + w - (1 + i) |w|^2 w, by Fourier modes and ETDRK4.
x, t = 20 * np.arange(32) / 32, np.linspace(0, 6, 31)
k = 2 * np.pi * np.fft.fftfreq(32, 20 / 32)
square = k[:, None] ** 2 + k**2
start = np.array([1, 1j]) @ np.random.default_rng(0).standard_normal((2, 32 * 32))
start = start.reshape(32, 32) * (square < 1) * 24


def react(s, modes):
    w = np.fft.ifft2(modes.reshape(32, 32))
    return np.fft.fft2(w - (1 + 1j) * np.abs(w) ** 2 * w).ravel()


path = march(-0.1 * square.ravel() + 0j, react, start.ravel(), (0, 6), 300, 10)
w = np.array([np.fft.ifft2(modes.reshape(32, 32)) for modes in path])
noise = 0.05 * w.real.std() * np.random.default_rng(1).standard_normal((2, *w.shape))

data = kanpde.snapshots({"u": w.real + noise[0], "v": w.imag + noise[1]}, {"x": x, "y": x}, t)
found = kanpde.discover_fields(data)
print(found.text(), found.judgement.text, sep="\n")
