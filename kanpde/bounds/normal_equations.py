"""Least squares in a space of splines, by normal equations.

Functions that overlap are near each other in the order of the coefficients, so that the matrix is
a band, which Cholesky's factorisation keeps; with periodic axes it is sparse only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded
from scipy.sparse.linalg import splu

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.splines import DEGREE, SplineSpace


@dataclass(frozen=True)
class Rows:
    """Equations: values (N, k) of the functions in columns (N, k) sum up to aims (N,).

    Their squares have the weights' squares.
    """

    values: Array
    columns: AnyArray
    aims: Array
    weights: Array


def solve_least_squares(
    blocks: Sequence[Rows], space: SplineSpace, damping: float, floor: float = 0.0
) -> Array:
    """Coefficients (count,); `damping` is relative to the diagonal of the normal equations.

    `floor` is a damping relative to its largest entry, for functions that few equations see.
    """
    right = np.zeros(space.count)
    for block in blocks:
        weighted = block.values * (block.weights**2 * block.aims)[:, None]
        right += np.bincount(block.columns.ravel(), weighted.ravel(), space.count)
    if not any(space.periodic):
        found = _solve_band(blocks, space, damping, right, floor)
        if found is not None:
            return found
    return _solve_sparse(blocks, space, damping, right, floor)


def _solve_band(
    blocks: Sequence[Rows], space: SplineSpace, damping: float, right: Array, floor: float
) -> Array | None:
    """None where rounding makes the matrix indefinite."""
    strides = np.array([int(np.prod(space.shape[k + 1 :])) for k in range(space.dimension)])
    local = _local_functions(space)
    offsets = local @ strides
    band = np.zeros((int(offsets.max()) + 1, space.count))
    for block in blocks:
        _add_block(band, block, space, local, offsets)
    band[0] += floor * band[0].max()
    scale = 1 / np.sqrt(np.where(band[0] > 0, band[0], 1.0))
    for k in range(len(band)):
        band[k, : space.count - k] *= scale[: space.count - k] * scale[k:]
    band[0] = np.where(band[0] > 0, band[0], 1.0) + damping
    try:
        factor = cholesky_banded(band, lower=True, check_finite=False)
    except LinAlgError:
        return None
    solution = cho_solve_banded((factor, True), scale * right, check_finite=False)
    return np.asarray(scale * solution)


def _local_functions(space: SplineSpace) -> AnyArray:
    """The functions of an element, relative to its first, in the order of the columns."""
    size = DEGREE + 1
    grids = np.meshgrid(*(np.arange(size),) * space.dimension, indexing="ij")
    return np.stack([g.ravel() for g in grids], 1)


def _add_block(
    band: Array, block: Rows, space: SplineSpace, local: AnyArray, offsets: AnyArray
) -> None:
    """Add one block's part, in the lower form of bands: band[i - j, j]."""
    first = block.columns[:, 0]
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    groups = np.split(order, starts[1:])
    by_size: dict[int, list[AnyArray]] = {}
    for group in groups:
        by_size.setdefault(len(group), []).append(group)
    for members in by_size.values():
        index = np.stack(members)
        values = (block.values * block.weights[:, None])[index]
        grams = (values.swapaxes(1, 2) @ values).transpose(1, 2, 0)
        base = first[index[:, 0]]
        for r in range(len(local)):
            for s in range(r + 1):
                band[offsets[r] - offsets[s], base + offsets[s]] += grams[r, s]


def _solve_sparse(
    blocks: Sequence[Rows], space: SplineSpace, damping: float, right: Array, floor: float
) -> Array:
    count = space.count
    gram = sparse.csc_matrix((count, count))
    for block in blocks:
        values = block.values * block.weights[:, None]
        starts = np.arange(len(values) + 1) * values.shape[1]
        matrix = sparse.csr_matrix(
            (values.ravel(), block.columns.ravel(), starts), shape=(len(values), count)
        )
        gram = gram + (matrix.T @ matrix).tocsc()
    gram = (gram + floor * gram.diagonal().max() * sparse.identity(count)).tocsc()
    diagonal = gram.diagonal()
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = sparse.diags(scale) @ gram @ sparse.diags(scale)
    scaled = (scaled + damping * sparse.identity(count)).tocsc()
    factors = splu(scaled, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return np.asarray(scale * factors.solve(scale * right))
