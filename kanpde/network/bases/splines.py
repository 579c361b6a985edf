"""B-splines on a grid of breakpoints that may follow the activations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import silu

from kanpde.checks import require_whole
from kanpde.network.bases.basis import Basis


@dataclass(frozen=True)
class BSpline(Basis):
    """B-splines of polynomial degree `order` on `grid_size` intervals of [-1, 1].

    `order` and `grid_size` are pykan's k and G; order - 1 derivatives are continuous. The first of
    the grid_size + order splines is omitted, since with the layer's bias the others span the same
    functions (partition of unity). With `base`, SiLU is added (Liu et al., KAN, 2024, eq. 2.10).
    """

    grid_size: int = 8
    order: int = 4
    base: bool = False

    def __post_init__(self) -> None:
        require_whole("BSpline: grid_size", self.grid_size, 1, 1000)
        require_whole("BSpline: order", self.order, 1, 20)

    @property
    def size(self) -> int:
        return self.grid_size + self.order - 1 + self.base

    @property
    def smoothness(self) -> int:
        return self.order - 1

    def breakpoints(self, width: int) -> Tensor:
        return torch.linspace(-1, 1, self.grid_size + 1, dtype=torch.float64).repeat(width, 1)

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        """As in Basis; derivatives beyond the continuous ones are piecewise."""
        if grid is None:
            grid = self.breakpoints(len(x))
        knots = extended_knots(grid.to(x), self.order)
        families = _cox_de_boor(x, knots, self.order)
        out = []
        for m in range(order + 1):
            if m > self.order:
                values = torch.zeros_like(families[self.order])
            else:
                values = families[self.order - m]
                for degree in range(self.order - m + 1, self.order + 1):
                    values = _raise_derivative(values, knots, degree)
            out.append(values[1:])
        if self.base:
            parts = _silu_derivatives(x, order)
            out = [torch.cat([v, p[None]]) for v, p in zip(out, parts, strict=True)]
        return out

    def decay(self) -> Tensor:
        scale = torch.full((self.size,), self.size**-0.5, dtype=torch.float64)
        if self.base:
            scale[-1] = 1
        return scale

    def extended(self) -> BSpline:
        return replace(self, grid_size=2 * self.grid_size)

    def follow(self, s: Tensor, grid: Tensor | None) -> Tensor:
        if grid is None or grid.shape[1] > self.grid_size:
            return adapt_breakpoints(s, self)
        return refine_breakpoints(grid, s, self.grid_size)


def extended_knots(grid: Tensor, order: int) -> Tensor:
    """`order` further knots on each side, at the distance of the outermost interval."""
    steps = torch.arange(1, order + 1, dtype=grid.dtype, device=grid.device)
    left = grid[:, :1] - steps.flip(0) * (grid[:, 1:2] - grid[:, :1])
    right = grid[:, -1:] + steps * (grid[:, -1:] - grid[:, -2:-1])
    return torch.cat([left, grid, right], 1)


def adapt_breakpoints(activations: Tensor, basis: BSpline, blend: float = 0.5) -> Tensor:
    """Breakpoints (w, G + 1) at quantiles of the activations (w, N), blended with even ones.

    `blend` is efficient-kan's and pykan's grid_eps: 1 gives the even grid.
    """
    levels = torch.linspace(0, 1, basis.grid_size + 1, dtype=activations.dtype)
    quantiles = torch.quantile(activations, levels.to(activations.device), dim=1).T
    even = basis.breakpoints(len(activations)).to(activations)
    quantiles = quantiles.clone()
    quantiles[:, 0], quantiles[:, -1] = -1, 1
    return blend * even + (1 - blend) * quantiles


def refine_breakpoints(grid: Tensor, activations: Tensor, size: int, blend: float = 0.5) -> Tensor:
    """Breakpoints (w, size + 1) that keep those of `grid` and halve its intervals.

    The spaces are nested, so that a refit changes nothing (moving the breakpoints to new
    quantiles changed the field of Poisson by 2.5e-3). The interval that is halved next has
    the largest share of the activations (w, N) and of the length, blended as above.
    """
    rows = []
    for old, values in zip(grid.cpu().double(), activations.cpu().double(), strict=True):
        breaks, sorted_values = old.tolist(), values.sort().values
        while len(breaks) <= size:
            edges = torch.tensor(breaks, dtype=torch.float64)
            share = torch.searchsorted(sorted_values, edges).diff() / len(values)
            widest = int(torch.argmax(blend * edges.diff() / 2 + (1 - blend) * share))
            breaks.insert(widest + 1, 0.5 * (breaks[widest] + breaks[widest + 1]))
        rows.append(torch.tensor(breaks, dtype=torch.float64))
    return torch.stack(rows).to(grid)


def _cox_de_boor(x: Tensor, knots: Tensor, order: int) -> list[Tensor]:
    """The splines of every degree 0 ... order, each of shape (knots - 1 - degree, w, N)."""
    t = knots.T[:, :, None]
    families = [((x >= t[:-1]) & (x < t[1:])).to(x)]
    for k in range(1, order + 1):
        low = (x - t[: -k - 1]) / (t[k:-1] - t[: -k - 1])
        high = (t[k + 1 :] - x) / (t[k + 1 :] - t[1:-k])
        families.append(low * families[-1][:-1] + high * families[-1][1:])
    return families


def _raise_derivative(values: Tensor, knots: Tensor, degree: int) -> Tensor:
    """One differentiation: from (derivatives of) degree - 1 splines to those of `degree`."""
    t = knots.T[:, :, None]
    rate = degree / (t[degree : degree + len(values)] - t[: len(values)])
    scaled = rate * values
    return scaled[:-1] - scaled[1:]


def _silu_derivatives(x: Tensor, order: int) -> list[Tensor]:
    """silu = x s; the derivatives of the logistic function s are polynomials in s."""
    s = torch.sigmoid(x)
    polynomial = [0.0, 1.0]
    logistic = [s]
    for _ in range(order):
        # d/dx s^k = k s^k (1 - s)
        nxt = [0.0] * (len(polynomial) + 1)
        for k, c in enumerate(polynomial):
            nxt[k] += k * c
            nxt[k + 1] -= k * c
        polynomial = nxt
        logistic.append(sum(c * s**k for k, c in enumerate(polynomial)))  # type: ignore[arg-type]
    out = [silu(x)]
    for m in range(1, order + 1):
        out.append(x * logistic[m] + m * logistic[m - 1])
    return out
