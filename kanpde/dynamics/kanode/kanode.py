"""KAN-ODE: dx/dt = known(x, u) + KAN(x, u), trained on trajectories.

Koenig, Kim & Deng (2024) train such networks by Adam through a solver. Here the network first
matches the slopes of a smooth curve, then the trajectories themselves in short segments,
which grow: derivative matching, multiple shooting, single shooting; all by least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.kanode.matching import match_slopes
from kanpde.dynamics.ode.flow import flow
from kanpde.dynamics.ode.rhs import Formula, RightHandSide
from kanpde.dynamics.ode.shooting import Fit, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun, inputs_at, smooth
from kanpde.dynamics.ode.weak import timescale
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.products import ProductKAN
from kanpde.network.small_batch import SmallBatchKAN

# The prior on each coefficient, beside a data row of weight 1: it only settles what no
# sample sees, such as the network off the trajectory.
_PRIOR = 1e-3
# Off the data a network may be stiff without bound: an explicit method must give up.
_MOST_STEPS = 2000


@dataclass(frozen=True)
class Network:
    """A network as a right-hand side, with known physics beside it."""

    network: ProductKAN
    known: RightHandSide | None = None

    @property
    def size(self) -> int:
        return self.network.kan.parameter_count

    @cached_property
    def _evaluator(self) -> SmallBatchKAN:
        return SmallBatchKAN(self.network)

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""
        out = self._evaluator.value(np.concatenate([x, u], 1), c)
        return out if self.known is None else out + self.known.value(x, u, np.zeros(0))

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""
        points = np.concatenate([x, u], 1)
        f, slope, by_parameter = self._evaluator.linear(points, c)
        slope = slope[:, :, : x.shape[1]]
        if self.known is not None:
            more, slopes, _ = self.known.linear(x, u, np.zeros(0))
            f, slope = f + more, slope + slopes
        return f, slope, by_parameter


@dataclass(frozen=True)
class KANODE:
    """A trained right-hand side.

    `misfit` is the mean square over samples and states on the training data, in their units.
    """

    data: Trajectories
    rhs: Network
    fit: Fit
    misfit: float

    @property
    def parameters(self) -> int:
        return self.rhs.size

    def __call__(self, x: Array, u: Array | None = None) -> Array:
        """The right-hand side at x (N, n), with inputs u (N, m)."""
        x = np.atleast_2d(np.asarray(x, dtype=float))
        driven = np.zeros((len(x), 0)) if u is None else np.atleast_2d(u)
        return self.rhs.value(x, driven, self.fit.c)

    def simulate(self, start: Sequence[float], times: Array, method: str = "dopri5") -> Array:
        """x (N, n) at `times` from `start`, by torchdiffeq's adaptive `method`; no inputs.

        NaN from where the solution leaves every bound.
        """
        from torchdiffeq import odeint

        if self.data.inputs:
            raise KanpdeError("a system with inputs cannot be simulated without them")
        limit = 1e6 * float(self.data.scale.max())

        def f(t: Tensor, x: Tensor) -> Tensor:
            return torch.from_numpy(self(x.numpy()[None])[0]).clamp(-limit, limit)

        t = torch.from_numpy(np.asarray(times, dtype=float))
        x = torch.tensor(list(start), dtype=torch.float64)
        out = np.full((len(t), len(x)), np.nan)
        out[0] = x.numpy()
        for k in range(len(t) - 1):
            try:
                with torch.no_grad(), np.errstate(all="ignore"):
                    x = odeint(
                        f, x, t[k : k + 2], method=method, rtol=1e-8, atol=1e-10,
                        options={"max_num_steps": _MOST_STEPS},
                    )[-1]  # fmt: skip
            except AssertionError:  # torchdiffeq's "underflow in dt", or too many steps
                break
            if not float(x.abs().max()) < limit:
                break
            out[k + 1] = x.numpy()
        return out


def train_kanode(
    data: Any,
    *,
    widths: Sequence[int] = (),
    basis: Basis | None = None,
    products: bool | Sequence[tuple[int, ...]] = True,
    known: Formula | None = None,
    steps: int = 30,
    seed: int = 0,
) -> KANODE:
    """A KAN for the right-hand side (or for what `known` leaves of it) behind trajectories.

    Args:
        data: what `trajectories` takes.
        widths: hidden layers; none by default: sums of functions of states and of products.
        basis: Chebyshev(4) by default.
        products: whether products of all pairs of states are inputs of the network, or which
            products are: (0, 0, 1) is x^2 y.
        known: a part of the right-hand side without parameters.
        steps: least-squares steps at each length of the segments.
        seed: of the first coefficients.

    Raises:
        KanpdeError: no start was found from which the trajectories stay finite.
    """
    data = trajectories(data)
    smoothed = smooth(data)
    mesh = [np.linspace(s.run.times[0], s.run.times[-1], 3 * len(s.run)) for s in smoothed]
    x = np.concatenate([s.values(t) for s, t in zip(smoothed, mesh, strict=True)])
    v = np.concatenate([s.derivatives(t) for s, t in zip(smoothed, mesh, strict=True)])
    u = np.concatenate([inputs_at(s.run, t) for s, t in zip(smoothed, mesh, strict=True)])
    network = ProductKAN.around(
        np.concatenate([x, u], 1), (*data.states, *data.inputs), len(data.states),
        products=products, widths=widths, basis=basis or Chebyshev(4),
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    rhs = Network(network, known)
    c = match_slopes(rhs, network.kan.flat(), x, u, v, _PRIOR)
    fit = _lengthened(rhs, c, data, smoothed, steps)
    if fit is None:
        raise KanpdeError(
            "no trajectory of the network stays finite: take fewer parameters or more samples"
        )
    network.kan.load_flat(torch.from_numpy(fit.c))
    return KANODE(data, rhs, fit, float(fit.squares.sum() / fit.counts.sum()))


def _lengthened(
    rhs: Network, c: Array, data: Trajectories, smoothed: Sequence[SmoothRun], steps: int
) -> Fit | None:
    """Shooting in segments that double until they cover their runs."""
    size = data.scale
    speed = np.sqrt(np.mean(np.concatenate([s.derivatives(s.run.times) for s in smoothed]) ** 2))
    prior = np.full(rhs.size, _PRIOR / speed)
    step = float(np.median(np.concatenate([np.diff(s.run.times) for s in smoothed])))
    longest = max(len(s.run) for s in smoothed) - 1
    intervals = int(np.clip(round(timescale(smoothed) / step), min(4, longest), longest))
    best: Fit | None = None
    while True:
        fit = shoot(
            rhs, smoothed, intervals, c if best is None else best.c, size,
            noise=None if best is None else best.noise, before=best, steps=steps, prior=prior,
        )  # fmt: skip
        if fit is None and best is None and intervals > 1:
            intervals = max(1, intervals // 2)
            continue
        if fit is None or (best is not None and np.any(fit.noise > 10 * best.noise + 1e-3 * size)):
            break
        best = fit
        if intervals >= longest or intervals * fit.system.grid.substeps > 700:
            break
        intervals = min(2 * intervals, longest)
    return best


def forecast(model: KANODE, times: Array) -> Array:
    """A rollout of the first run from its fitted start to `times`."""
    path = flow(model.rhs, model.fit.starts[:1], model.fit.c, model.fit.system.grid)
    return model.simulate(path[0, 0], times)
