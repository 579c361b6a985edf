"""Cholesky factors of symmetric matrices, on the host by LAPACK, on a device by torch."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dtpttr, dtrttp
from torch import Tensor

from kanpde.arrays import Array


class Factor(Protocol):
    """A factorised matrix."""

    def solve(self, right: Tensor) -> Tensor:
        """The solution (P,) for one right-hand side (P,)."""


class HostFactor:
    """Cholesky by LAPACK; torch's pool of threads would disturb that of BLAS."""

    def __init__(self, factor: Any) -> None:
        self._factor = factor

    def solve(self, right: Tensor) -> Tensor:
        """The solution (P,)."""
        found = cho_solve(self._factor, right.numpy(), check_finite=False)
        return torch.from_numpy(np.asarray(found))


class DeviceFactor:
    """Cholesky where the matrix lies; nothing is copied to the host."""

    def __init__(self, factor: Tensor) -> None:
        self._factor = factor

    def solve(self, right: Tensor) -> Tensor:
        """The solution (P,)."""
        return torch.cholesky_solve(right[:, None], self._factor, upper=True)[:, 0]


# Rows of several networks depend on the parameters of one of them: below this share of all, only
# these are multiplied.
_FEW = 0.8


def _find_used(block: Tensor) -> slice:
    """The parameters of a block (P, n) between the first and the last that it depends on."""
    if bool(block[0].any()) and bool(block[-1].any()):
        return slice(0, len(block))
    used = torch.nonzero(block.any(1))[:, 0]
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)


class Gram:
    """A sum of J J^T over blocks J (P, n), of which only the upper triangle need be set."""

    def __init__(self, size: int, device: torch.device, *, by_torch: bool = False) -> None:
        """`by_torch` uses the route of devices on the CPU as well."""
        self._on_host = device.type == "cpu" and not by_torch
        shape = (size, size) if self._on_host else (0, 0)
        self._array: Array = np.zeros(shape, order="F")
        shape = (0, 0) if self._on_host else (size, size)
        self._tensor = torch.zeros(shape, dtype=torch.float64, device=device)

    @staticmethod
    def of(matrix: Tensor) -> Gram:
        """A matrix (P, P) that is there already."""
        gram = Gram(0, matrix.device)
        if gram._on_host:
            gram._array = np.asfortranarray(matrix.numpy())
        else:
            gram._tensor = matrix
        return gram

    @staticmethod
    def unpack(packed: Tensor, size: int) -> Gram:
        """The matrix (P, P) of `packed`."""
        if packed.device.type == "cpu":
            gram = Gram(0, packed.device)
            gram._array = dtpttr(size, packed.numpy(), uplo="U")[0]
            return gram
        matrix = packed.new_zeros(size, size)
        columns, rows = torch.tril_indices(size, size, device=packed.device)
        matrix[rows, columns] = packed
        return Gram.of(matrix)

    @property
    def packed(self) -> Tensor:
        """The upper triangle, column by column, (P (P + 1) / 2,)."""
        if self._on_host:
            return torch.from_numpy(dtrttp(self._array, uplo="U")[0])
        columns, rows = torch.tril_indices(*self._tensor.shape, device=self._tensor.device)
        return self._tensor[rows, columns]

    def add(self, block: Tensor) -> None:
        """Add block @ block.T for a block (P, n)."""
        if self._on_host:
            own = _find_used(block)
            if own.stop == own.start:
                return
            if own.stop - own.start < _FEW * len(block):
                self._array[own, own] += dsyrk(1.0, block[own].numpy().T, trans=1)
                return
            # syrk does half of a general product's work: 62 against 142 ms for 4,000 rows
            # and 1,150 parameters on 2 cores.
            self._array = dsyrk(
                1.0, block.numpy().T, beta=1.0, c=self._array, trans=1, overwrite_c=1
            )
        else:
            self._tensor.addmm_(block, block.T)

    @property
    def diagonal(self) -> Tensor:
        """A copy of the diagonal, (P,)."""
        if self._on_host:
            return torch.from_numpy(np.diagonal(self._array).copy())
        return self._tensor.diagonal().clone()

    @property
    def upper(self) -> Tensor:
        """The matrix, (P, P), on its device; below its diagonal it may hold anything."""
        return torch.from_numpy(self._array) if self._on_host else self._tensor

    def factor(self, added: Tensor) -> Factor | None:
        """The factor with `added` (P,) on the diagonal; None without positive pivots."""
        if self._on_host:
            matrix = self._array.copy(order="F")
            matrix[np.diag_indices_from(matrix)] += added.numpy()
            try:
                return HostFactor(
                    cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
                )
            except LinAlgError:
                return None
        upper, failed = torch.linalg.cholesky_ex(self._tensor + torch.diag(added), upper=True)
        return None if int(failed) else DeviceFactor(upper)
