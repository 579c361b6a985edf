"""Boxes, and the derivatives of analytic functions on them.

On the polydisc around a box, |z_i| <= 1, the network is a polynomial and an analytic function E of
at most r. On the box itself, |z_i| <= s < 1, Cauchy's estimate bounds all derivatives of E,
|d^a E| <= a! r / (1 - s)^|a|: no interval has to be differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds.monomials import UP, Monomials
from kanpde.bounds.taylor_model import TaylorModel


@dataclass(frozen=True)
class Boxes:
    """Centres and half widths (N, dimension); a half width is zero on a face."""

    centres: Array
    halves: Array

    def __len__(self) -> int:
        return len(self.centres)

    def __getitem__(self, at: Any) -> Boxes:
        return Boxes(self.centres[at], self.halves[at])


def boxes_between(edges: Sequence[Array]) -> Boxes:
    """All products of the intervals between the increasing edges of each axis."""
    middles = [(e[1:] + e[:-1]) / 2 for e in edges]
    halves = [np.diff(e) / 2 * (1 + 1e-12) for e in edges]
    centres, sizes = (
        np.stack([g.ravel() for g in np.meshgrid(*lists, indexing="ij")], 1)
        for lists in (middles, halves)
    )
    # A box is larger than its intervals by more than the rounding of its middle.
    return Boxes(centres, sizes + 4e-16 * np.abs(centres))


def shrink_of(degree: int) -> float:
    """The size of a box relative to its polydisc: about the best for second derivatives."""
    return (degree - 1) / (degree + 1)


def coordinate_models(space: Monomials, boxes: Boxes, stretch: float = 1.0) -> list[TaylorModel]:
    """The coordinates on boxes that are `stretch` times as large."""
    return [
        TaylorModel.coordinate(space, k, boxes.centres[:, k], stretch * boxes.halves[:, k])
        for k in range(space.dimension)
    ]


def differentiate(
    model: TaylorModel, index: Sequence[int], reach: Array, shrink: float
) -> TaylorModel:
    """A partial derivative on the boxes, of models on polydiscs of half widths reach (N, d)."""
    space, order = model.space, sum(index)
    coefficients, last = model.coefficients, model.radii[-1]
    scale = np.ones(len(reach))
    for axis, n in enumerate(index):
        for _ in range(n):
            coefficients = space.differentiate(coefficients, axis)
        if n:
            scale = scale * reach[:, axis] ** -float(n)
            last = last * (math.factorial(n) * (1 - shrink) ** -n)
    radii = np.zeros_like(model.radii)
    kept = space.degree + 1 - order
    falling = np.array([math.perm(k + order, order) for k in range(kept)], float)
    shape = (-1, *(1,) * (model.radii.ndim - 1))
    radii[:kept] = model.radii[order : space.degree + 1] * falling.reshape(shape)
    radii[-1] = last
    coefficients, radii = coefficients * scale, radii * scale
    if order:
        radii[:-1] += (2 * order + 4) * 2.0**-53 * space.graded(coefficients)
    return TaylorModel(space, coefficients, UP * radii).rescaled(shrink)
