"""Darcy flow in a medium of two permeabilities, by finite volumes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.operator.data import GridAxis, Pairs
from kanpde.operator.generators.base import (
    Report,
    SplitGenerator,
    check_numbers,
    check_points,
    sample_generator,
)


@dataclass(frozen=True)
class Darcy(SplitGenerator):
    """-div(a grad u) = 1 on the unit square, u = 0 on its boundary (Li et al., 2021, section 5.2).

    a is `high` where a Gaussian field of covariance (-lap + 9)^-2 with Neumann conditions is
    positive, `low` elsewhere. Cell-centred finite volumes with harmonic means at the faces.
    """

    low: float = 3.0
    high: float = 12.0
    modes: int = 64
    title = "Darcy flow in a medium of two permeabilities"

    def check(self, split: str, samples: int, resolution: int) -> None:
        """Raise KanpdeError for samples that are too large to be made."""
        check_points(resolution, 2, f"the resolution {resolution}")
        check_numbers((samples, resolution, resolution))

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        """Coefficients a and solutions u (samples, resolution, resolution) at cell centres."""
        self.check(split, samples, resolution)
        a = np.empty((samples, resolution, resolution), dtype=np.float32)
        u = np.empty_like(a)
        for i in range(samples):
            field = self.field(resolution, sample_generator(seed, split, i))
            a[i] = np.where(field > 0, self.high, self.low)
            u[i] = solve_darcy(a[i].astype(np.float64))
            report(1)
        centres = (np.arange(resolution) + 0.5) / resolution
        axes = tuple(GridAxis(name, centres) for name in "xy")
        return Pairs(axes, {"a": a}, {"u": u}, "square")

    def field(self, resolution: int, rng: np.random.Generator) -> Array:
        """The Gaussian field at the cells' centres, by its cosine modes."""
        k = np.arange(self.modes)
        weight = 1 / (np.pi**2 * (k[:, None] ** 2 + k**2) + 9.0)
        weight[0, 0] = 0
        norm = np.where(k == 0, 1.0, math.sqrt(2.0))
        centres = (np.arange(resolution) + 0.5) / resolution
        waves = norm * np.cos(np.pi * k * centres[:, None])
        return np.asarray(waves @ (weight * rng.standard_normal(weight.shape)) @ waves.T)


def solve_darcy(a: Array, source: Array | float = 1.0) -> Array:
    """-div(a grad u) = source on the unit square, u = 0 on its boundary, a (n, n) at the cells."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import spsolve

    n = len(a)
    inner = [
        2 * a[1:] * a[:-1] / (a[1:] + a[:-1]),
        2 * a[:, 1:] * a[:, :-1] / (a[:, 1:] + a[:, :-1]),
    ]
    diagonal = np.zeros_like(a)
    for axis, faces in enumerate(inner):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (1, 1)  # half a cell to the boundary
        both = np.pad(faces, pad)
        both[(slice(None),) * axis + (0,)] = 2 * a.take(0, axis)
        both[(slice(None),) * axis + (-1,)] = 2 * a.take(-1, axis)
        low, high = (np.delete(both, end, axis) for end in (-1, 0))
        diagonal += low + high
    along_x = -inner[0].ravel()
    along_y = -np.pad(inner[1], ((0, 0), (0, 1))).ravel()[:-1]
    matrix = n**2 * diags_array(
        [diagonal.ravel(), along_x, along_x, along_y, along_y], offsets=[0, n, -n, 1, -1]
    )
    right = np.broadcast_to(np.asarray(source, dtype=np.float64), a.shape).ravel()
    return np.asarray(spsolve(matrix.tocsc(), right)).reshape(n, n)
