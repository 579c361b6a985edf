"""Univariate bases for the edges of a KAN, on the reference interval [-1, 1].

A basis is a frozen value; what depends on the data (the breakpoints of a spline) is a tensor that
the layer owns and passes in as `grid`. The constant function is the layer's bias: a constant on
each edge would add (inputs - 1) * outputs null directions.

All values have the shape (size, w, N), samples last: every elementwise operation then runs over
contiguous memory, and products with coefficients are plain matrix products.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from kanpde.errors import KanpdeError

# The smoothness of a family whose functions have all derivatives.
SMOOTH = 1_000


class Basis(ABC):
    """A family of univariate functions phi_1 ... phi_size."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of functions."""

    @property
    def smoothness(self) -> int:
        """The highest derivative that exists and is continuous."""
        return SMOOTH

    @abstractmethod
    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        """[phi, phi', ..., phi^(order)] at x of shape (w, N); each of shape (size, w, N)."""

    @abstractmethod
    def decay(self) -> Tensor:
        """Relative standard deviation of each function's first coefficient, shape (size,)."""

    @abstractmethod
    def extended(self) -> Basis:
        """The next larger basis of the family (grid extension, degree rise)."""

    def breakpoints(self, width: int) -> Tensor | None:
        """The first grid (width, breaks) of a layer with `width` inputs, None if there is none."""
        return None

    def follow(self, s: Tensor, grid: Tensor | None) -> Tensor | None:
        """A grid for this basis that follows the activations s (width, N), after the old `grid`.

        None for a family without breakpoints.
        """
        return None

    def require(self, order: int) -> None:
        """Raise KanpdeError if continuous derivatives of this order do not exist."""
        if order > self.smoothness:
            raise KanpdeError(
                f"the problem needs derivatives of order {order}, and the basis {self} has "
                f"{self.smoothness} continuous ones; take a Chebyshev basis, or a spline of "
                f"order {order + 1} or more"
            )
