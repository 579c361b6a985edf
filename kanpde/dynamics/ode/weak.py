"""Regression in weak form: noisy data are integrated, never differentiated.

For a bump psi that vanishes with its derivatives at the ends of its support,
- int psi' x dt = sum_j c_j int psi phi_j(x) dt (Messenger & Bortz 2021, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.smoothing import SmoothRun, interpolate_inputs

# The bump is (1 - z^2)^power, and the mesh this many times finer than the samples.
_POWER = 6
_FINE = 4


def estimate_timescale(smoothed: Sequence[SmoothRun]) -> float:
    """The smallest over the states of rms(x - mean) / rms(x'): 1 / omega for an oscillation."""
    ratios = []
    x = np.concatenate([s.values(s.run.times) for s in smoothed])
    v = np.concatenate([s.derivatives(s.run.times) for s in smoothed])
    for k in range(x.shape[1]):
        speed = np.sqrt(np.mean(v[:, k] ** 2))
        if speed > 0:
            ratios.append(np.std(x[:, k]) / speed)
    length = max(float(s.run.times[-1] - s.run.times[0]) for s in smoothed)
    return float(min(ratios, default=length))


def build_weak_system(
    smoothed: Sequence[SmoothRun], library: Library, duration: float
) -> tuple[Array, Array]:
    """The rows (K, P) and right sides (K, n) of all bumps of a duration.

    Integrals are taken by the trapezoidal rule on a mesh finer than the samples, of the
    smoothed curve: for bumps of this smoothness its error is far below that of the data.
    """
    rows, rights = [], []
    for each in smoothed:
        run = each.run
        length = float(run.times[-1] - run.times[0])
        half = 0.5 * min(duration, length / 2)
        count = max(8, int(np.ceil((length - 2 * half) / (half / 3))) + 1)
        mesh = np.linspace(run.times[0], run.times[-1], max(_FINE * len(run), 60 * count // 4))
        x = each.values(mesh)
        points = np.concatenate([x, interpolate_inputs(run, mesh)], 1)
        with np.errstate(all="ignore"):
            phi = library.values(points)
        step = mesh[1] - mesh[0]
        for centre in np.linspace(run.times[0] + half, run.times[-1] - half, count):
            z = (mesh - centre) / half
            inside = np.abs(z) < 1
            w = np.where(inside, 1 - z**2, 0)
            bump = w**_POWER * step / half
            slope = -2 * _POWER * z * w ** (_POWER - 1) * step / half**2
            rows.append(phi @ bump)
            rights.append(-(slope @ x))
    return np.array(rows), np.array(rights)
