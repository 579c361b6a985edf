"""KAN-ODE for fields: the method of lines, its right-hand side one network at every node.

d psi / dt at a node is a function of what is there: the fields and the linear operators of them
that are named (derivatives, stencils). The same network serves all nodes, so that a few hundred
parameters learn from every sample of the field. Where Koenig, Kim & Deng (2024) train by Adam
through a solver, here the network first matches the slopes of a smooth curve in time and then
the trajectories in segments that start from it and grow, by least squares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from kanpde.arrays import Array
from kanpde.dynamics.kanode.matching import match_slopes
from kanpde.dynamics.ode.flow import Grid, flow, flow_with_sensitivity, substeps
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.products import ProductKAN
from kanpde.network.small_batch import SmallBatchKAN
from kanpde.optim.minimise import Quiet, minimise
from kanpde.optim.normal import NormalEquations
from kanpde.symbolic.symbolify import symbolify

# Samples in a segment, from first to last; each has to gain before the next is tried.
_LENGTHS = (2, 4, 8, 16, 32, 64)
_PRIOR = 1e-6
_LIMIT = 1e3


@dataclass(frozen=True)
class Lattice:
    """The right-hand side of F fields on M nodes; states are (field 0, field 1, ...), (F M,).

    `operators` (K, M, M) act on each field; the network sees the F K results at a node, field by
    field, and gives F rates. `known` (F M, F M) is a linear part that is not learnt.
    """

    network: ProductKAN
    operators: Array
    known: Array | None

    @property
    def fields(self) -> int:
        return self.network.kan.outputs

    @property
    def size(self) -> int:
        return self.network.kan.parameter_count

    @cached_property
    def _evaluator(self) -> SmallBatchKAN:
        return SmallBatchKAN(self.network)

    def features(self, x: Array) -> Array:
        """(B, F M) -> (B M, F K)."""
        fields = x.reshape(len(x), self.fields, -1)
        seen = np.einsum("kmn,bfn->bmfk", self.operators, fields, optimize=True)
        return np.asarray(seen.reshape(seen.shape[0] * seen.shape[1], -1))

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, F M)."""
        out = self._evaluator.value(self.features(x), c)
        rates = out.reshape(len(x), -1, self.fields).transpose(0, 2, 1).reshape(x.shape)
        return rates if self.known is None else rates + x @ self.known.T

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p), n = F M."""
        count, n, fields = len(x), x.shape[1], self.fields
        out, slope, by_parameter = self._evaluator.linear(self.features(x), c)
        nodes = n // fields
        rates = out.reshape(count, nodes, fields).transpose(0, 2, 1).reshape(count, n)
        slope = slope.reshape(count, nodes, fields, fields, len(self.operators))
        by_state = np.einsum("bmgfk,kmn->bgmfn", slope, self.operators, optimize=True)
        by_state = by_state.reshape(count, n, n)
        by_parameter = by_parameter.reshape(count, nodes, fields, -1).transpose(0, 2, 1, 3)
        if self.known is not None:
            rates, by_state = rates + x @ self.known.T, by_state + self.known
        return rates, by_state, by_parameter.reshape(count, n, -1)


@dataclass(frozen=True)
class FieldODE:
    """A trained lattice; `misfit` is the rms in the last segments, beside that of the data."""

    rhs: Lattice
    c: Array
    misfit: float
    points: Array

    @property
    def parameters(self) -> int:
        return self.rhs.size

    def __call__(self, fields: Array) -> Array:
        """The rates (F, M) of fields (F, M)."""
        flat = np.asarray(fields, dtype=float)
        out = self.rhs.value(flat.reshape(1, -1), np.zeros((1, 0)), self.c)
        return np.asarray(out.reshape(flat.shape))

    def simulate(self, start: Array, times: Array, *, rtol: float = 1e-7) -> Array:
        """Fields (T, F, M) at `times` from `start` (F, M); NaN from where they leave every bound.

        Dormand and Prince's method of order 8, with adaptive steps.
        """
        flat = np.asarray(start, dtype=float).ravel()
        size = float(np.sqrt(np.mean(flat**2)))

        def rates(t: float, x: Array) -> Array:
            return np.asarray(self.rhs.value(x[None], np.zeros((1, 0)), self.c)[0])

        def bound(t: float, x: Array) -> float:
            return _LIMIT * size - float(np.abs(x).max())

        bound.terminal = True  # type: ignore[attr-defined]
        with np.errstate(all="ignore"):
            run = solve_ivp(
                rates, (times[0], times[-1]), flat, "DOP853", times, events=bound,
                rtol=rtol, atol=1e-3 * rtol * size,
            )  # fmt: skip
        out = np.full((len(times), flat.size), np.nan)
        out[: run.y.shape[1]] = run.y.T
        return out.reshape(len(times), *np.shape(start))

    def formulas(self, *, floor: float = 1e-8) -> list[sympy.Expr]:
        """Each field's rate as a formula of the features; for networks without hidden layers."""
        return symbolify(self.rhs.network, self.points, floor=floor)


@dataclass(frozen=True)
class _Rollouts:
    """Trajectories from given starts, less the samples, for the optimisers."""

    rhs: Lattice
    starts: Array
    values: Array
    grid: Grid
    size: float
    prior: float

    def residual(self, theta: Tensor) -> Tensor:
        """The misfit over the rms of the data, then the prior's rows."""
        c = theta.numpy()
        x = flow(self.rhs, self.starts, c, self.grid)
        return torch.from_numpy(self._rows(x, c))

    def _rows(self, x: Array, c: Array) -> Array:
        with np.errstate(all="ignore"):
            misfit = ((x[:, 1:] - self.values) / self.size).ravel()
        return np.concatenate([misfit, self.prior * c])

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        c = theta.numpy()
        x, slopes = flow_with_sensitivity(self.rhs, self.starts, c, self.grid, by_start=False)
        rows = slopes[:, 1:].reshape(-1, len(c)) / self.size
        jacobian = np.concatenate([rows.T, self.prior * np.eye(len(c))], 1)
        normal = NormalEquations(len(theta), theta.device)
        normal.add(
            torch.from_numpy(np.ascontiguousarray(jacobian)), torch.from_numpy(self._rows(x, c))
        )
        return normal


def train_field_kanode(
    fields: Any,
    t: Any,
    operators: Mapping[str, Array],
    *,
    names: Sequence[str] = (),
    known: Array | None = None,
    widths: Sequence[int] = (),
    basis: Basis | None = None,
    products: bool | Sequence[tuple[int, ...]] = True,
    steps: int = 15,
    longest: int = 16,
    seed: int = 0,
    report: Callable[[str], None] | None = None,
) -> FieldODE:
    """A KAN for the rates of fields on nodes, from their samples in time.

    Args:
        fields: samples (T, F, M) of F fields at M nodes; nearly exact, since segments start
            from a smooth curve through them.
        t: times (T,).
        operators: by name, matrices (M, M): {"": np.eye(M), "_xx": second_derivative}. What the
            network sees is called by field and operator: p, p_xx, q, q_xx.
        names: of the fields; u, v, w by default.
        known: a linear part of the right-hand side, (F M, F M), for the fields one after another.
        widths: hidden layers; none by default: sums of functions of features and of products.
        basis: Chebyshev(4) by default.
        products: whether products of all pairs of features are features too, or which products
            of features are, by their numbers: (0, 0, 2) is p^2 q in the order above.
        steps: least-squares steps for each length of the segments.
        longest: the most intervals in a segment.
        seed: of the first coefficients.
        report: is told what is being done.

    Raises:
        KanpdeError: for arrays whose shapes do not fit, and where every trajectory diverges.
    """
    tell = report or (lambda _: None)
    data, times = _checked(fields, t, operators)
    count, number, nodes = data.shape
    flat = data.reshape(count, -1)
    size = float(np.sqrt(np.mean(flat**2)))
    names = list(names) or ["u", "v", "w"][:number]
    seen = [f"{name}{operator}" for name in names for operator in operators]
    table = np.stack([np.asarray(m, dtype=float) for m in operators.values()])
    points = np.einsum("kmn,bfn->bmfk", table, data, optimize=True).reshape(count * nodes, -1)
    network = ProductKAN.around(
        points, seen, number, products=products, widths=widths, basis=basis or Chebyshev(4),
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    rhs = Lattice(network, table, known)
    slopes = _slopes(times, flat)
    inner = slice(3, -3)
    none = np.zeros((count, 0))
    tell(f"matching slopes with {rhs.size} parameters")
    c = match_slopes(rhs, network.kan.flat(), flat[inner], none[inner], slopes[inner], _PRIOR)
    best, error = c, np.inf
    for length in [n for n in _LENGTHS if n <= min(longest, count - 1)]:
        system = _rollouts(rhs, best, times, flat, length, size)
        if not system.residual(torch.from_numpy(best)).isfinite().all():
            break
        stop = Quiet(steps, gain=1e-2, patience=2)
        theta = minimise(system, torch.from_numpy(best), stop, damping=1e-6).theta
        rest = system.residual(theta).numpy()[: system.values.size]
        error = float(np.sqrt(np.mean(rest**2)))
        best = theta.numpy()
        tell(f"segments of {length} intervals: misfit {error:.1e}")
    if not np.isfinite(error):
        raise KanpdeError(
            "no trajectory of the network stays finite: take fewer parameters, or samples at "
            "shorter steps"
        )
    network.kan.load_flat(torch.from_numpy(best))
    return FieldODE(rhs, best, error, points)


def _rollouts(
    rhs: Lattice, c: Array, times: Array, flat: Array, length: int, size: float
) -> _Rollouts:
    parts = (len(times) - 1) // length
    places = np.arange(parts)[:, None] * length + np.arange(length + 1)
    steps = np.diff(times)
    tolerance = np.full(flat.shape[1], 1e-7 * size)
    sparse = slice(0, len(steps), max(1, len(steps) // 20))
    none = np.zeros((len(steps[sparse]), 0))
    fine = substeps(rhs, flat[:-1][sparse], none, c, steps[sparse], tolerance)
    grid = Grid(times[places], np.zeros((length, fine, 6, parts, 0)), fine)
    values = flat[places]
    return _Rollouts(rhs, values[:, 0], values[:, 1:], grid, size, _PRIOR)


def _slopes(times: Array, values: Array) -> Array:
    """d/dt of values (T, n) by quintic splines."""
    from scipy.interpolate import make_interp_spline

    return np.asarray(make_interp_spline(times, values, k=5).derivative()(times))


def _checked(fields: Any, t: Any, operators: Mapping[str, Array]) -> tuple[Array, Array]:
    data, times = np.asarray(fields, dtype=float), np.asarray(t, dtype=float)
    if data.ndim != 3 or len(data) != len(times) or len(times) < 8:
        raise KanpdeError(
            f"fields has the shape {data.shape}; it must be (times, fields, nodes), with at least "
            f"8 times, and t has {len(times)}"
        )
    if not np.isfinite(data).all() or not (np.diff(times) > 0).all():
        raise KanpdeError("fields must be finite, and t must increase")
    nodes = data.shape[2]
    for name, matrix in operators.items():
        if np.shape(matrix) != (nodes, nodes):
            raise KanpdeError(
                f"operator {name!r} has the shape {np.shape(matrix)}, and there are {nodes} nodes"
            )
    return data, times
