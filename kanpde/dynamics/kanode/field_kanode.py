"""KAN-ODE for fields: the method of lines, its right-hand side one network at every node.

d psi / dt at a node is a function of what is there: the fields and the linear operators of them
that are named (derivatives, stencils). The same network serves all nodes, so that a few hundred
parameters learn from every sample of the field. Where Koenig, Kim & Deng (2024) train by Adam
through a solver, here the network first matches the slopes of a smooth curve in time and then
the trajectories in segments that start from it and grow, by least squares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
import sympy
import torch

from kanpde.arrays import Array
from kanpde.dynamics.kanode.lattice import Lattice
from kanpde.dynamics.kanode.matching import Curve, match_slopes
from kanpde.dynamics.kanode.network import NetworkShape
from kanpde.dynamics.kanode.policy import FieldPolicy
from kanpde.dynamics.kanode.rollouts import FieldSamples, cut_rollouts
from kanpde.dynamics.simulate import Integrator, simulate
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.optim.minimise import Quiet, minimise
from kanpde.options import Reporter, fill_options, ignore
from kanpde.symbolic.symbolify import symbolify

# A simulation ends where a field exceeds the rms of its start by this factor.
_BOUND = 1e3


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
        """The fields at given times, by Dormand and Prince's method of order 8.

        Args:
            start: the fields at the first time, (F, M).
            times: increasing, (T,).
            rtol: the relative tolerance of a step.

        Returns:
            The fields (T, F, M); NaN from where they leave every bound.
        """
        flat = np.asarray(start, dtype=float).ravel()
        size = float(np.sqrt(np.mean(flat**2)))
        none = np.zeros((1, 0))
        by = Integrator("DOP853", rtol=rtol, atol=1e-3 * rtol * size, bound=_BOUND * size)
        path = simulate(lambda t, x: self.rhs.value(x[None], none, self.c)[0], flat, times, by)
        return path.reshape(len(times), *np.shape(start))

    def formulas(self, *, floor: float = 1e-8) -> list[sympy.Expr]:
        """Each field's rate as a formula of the features; for networks without hidden layers."""
        return symbolify(self.rhs.network, self.points, floor=floor)


class FieldKeywords(TypedDict, total=False):
    """Keywords of `train_field_kanode`; `FieldOptions` says what they mean."""

    widths: Sequence[int]
    basis: Basis | None
    products: bool | Sequence[tuple[int, ...]]
    steps: int
    longest: int
    seed: int


@dataclass(frozen=True)
class FieldOptions:
    """Which network to train on a field, and how long.

    Args:
        widths: hidden layers; none by default: sums of functions of features and of products.
        basis: Chebyshev(4) by default.
        products: whether products of all pairs of features are features too, or which products
            of features are, by their numbers: with the features p, p_xx, q, q_xx (0, 0, 2) is
            p^2 q.
        steps: least-squares steps for each length of the segments.
        longest: the most intervals in a segment.
        seed: of the first coefficients.
    """

    widths: Sequence[int] = ()
    basis: Basis | None = None
    products: bool | Sequence[tuple[int, ...]] = True
    steps: int = 15
    longest: int = 16
    seed: int = 0

    @property
    def shape(self) -> NetworkShape:
        return NetworkShape(self.widths, self.basis or Chebyshev(4), self.products, self.seed)


def train_field_kanode(
    fields: Any,
    t: Any,
    operators: Mapping[str, Array],
    *,
    names: Sequence[str] = (),
    known: Array | None = None,
    report: Reporter | None = None,
    **options: Unpack[FieldKeywords],
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
        report: is told what is being done.
        **options: the fields of `FieldOptions`: `widths`, `basis`, `products`, `steps`,
            `longest` and `seed`.

    Raises:
        KanpdeError: for arrays whose shapes do not fit, and where every trajectory diverges.
    """
    chosen = fill_options(FieldOptions, options, "train_field_kanode")
    tell = report or ignore
    data, times = _check(fields, t, operators)
    count, number, nodes = data.shape
    names = list(names) or ["u", "v", "w"][:number]
    seen = [f"{name}{operator}" for name in names for operator in operators]
    table = np.stack([np.asarray(m, dtype=float) for m in operators.values()])
    points = np.einsum("kmn,bfn->bmfk", table, data, optimize=True).reshape(count * nodes, -1)
    rhs = Lattice(chosen.shape.build(points, seen, number), table, known)
    c, misfit = _train(rhs, FieldSamples(times, data.reshape(count, -1)), chosen, tell)
    rhs.network.kan.load_flat(torch.from_numpy(c))
    return FieldODE(rhs, c, misfit, points)


def _train(
    rhs: Lattice, samples: FieldSamples, options: FieldOptions, tell: Reporter
) -> tuple[Array, float]:
    """The coefficients (p,) and their misfit in the longest segments that they follow."""
    policy = FieldPolicy()
    # Splines are poor at their ends.
    inner = slice(3, -3)
    none = np.zeros((len(samples.times), 0))
    curve = Curve(samples.values[inner], none[inner], samples.slopes[inner])
    tell(f"matching slopes with {rhs.size} parameters")
    best = match_slopes(rhs, rhs.network.kan.flat(), curve, policy.prior)
    error = np.inf
    most = min(options.longest, len(samples.times) - 1)
    stop = Quiet(options.steps, gain=policy.gain, patience=policy.patience)
    for length in [n for n in policy.lengths if n <= most]:
        system = cut_rollouts(rhs, best, samples, length, policy.prior)
        start = torch.from_numpy(best)
        if not system.residual(start).isfinite().all():
            break
        theta = minimise(system, start, stop, policy.damping).theta
        misfit = system.residual(theta).numpy()[: system.values.size]
        best, error = theta.numpy(), float(np.sqrt(np.mean(misfit**2)))
        tell(f"segments of {length} intervals: misfit {error:.1e}")
    if not np.isfinite(error):
        raise KanpdeError(
            "no trajectory of the network stays finite: take fewer parameters, or samples at "
            "shorter steps"
        )
    return best, error


def _check(fields: Any, t: Any, operators: Mapping[str, Array]) -> tuple[Array, Array]:
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
