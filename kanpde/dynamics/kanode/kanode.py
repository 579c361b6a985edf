"""KAN-ODE: dx/dt = known(x, u) + KAN(x, u), trained on trajectories.

Koenig, Kim & Deng (2024) train such networks by Adam through a solver. Here the network first
matches the slopes of a smooth curve, then the trajectories themselves in short segments,
which grow: derivative matching, multiple shooting, single shooting; all by least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.checks import require_one_of, require_sequence, require_whole
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.kanode.differentiable import Adaptive, integrate
from kanpde.dynamics.kanode.matching import Curve, match_slopes
from kanpde.dynamics.kanode.network import NetworkRHS, NetworkShape
from kanpde.dynamics.kanode.policy import TrajectoryPolicy
from kanpde.dynamics.ode.holdout import forecast_holdout
from kanpde.dynamics.ode.policy import ShootingPolicy
from kanpde.dynamics.ode.result import Forecast
from kanpde.dynamics.ode.rhs import Formula
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.shooting import Fit, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun, interpolate_inputs, smooth
from kanpde.dynamics.ode.weak import estimate_timescale
from kanpde.dynamics.simulate import Integrator, simulate
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev

# One trajectory whose mean square misfit is so many times that of the segments is not the same
# motion: a chaotic one, or a network that noise has bent.
_POOR = 10.0
# The last share of each run that judges forecasts, and the error, in deviations, beyond which they
# are not to be trusted: of Lotka-Volterra with 1 % of noise, forecasts to four times the length of
# the data were off by 1.28.
_HELD_OUT, _FAR = 0.2, 0.3
# Calls of the network in one simulation, after which an explicit method gives up; seconds.
_CALLS = 50_000


@dataclass(frozen=True)
class TrainingOptions:
    """Which network to train on trajectories, and how long; as the keywords of `train_kanode`."""

    widths: tuple[int, ...] = ()
    basis: Basis = field(default_factory=lambda: Chebyshev(4))
    products: bool | Sequence[tuple[int, ...]] = True
    known: Formula | None = None
    steps: int = 30
    seed: int = 0


@dataclass(frozen=True)
class KANODE:
    """A trained right-hand side.

    `misfit` is the mean square over samples and states on the training data, in their units.
    """

    data: Trajectories
    rhs: NetworkRHS
    fit: Fit
    misfit: float
    options: TrainingOptions

    @property
    def parameters(self) -> int:
        return self.rhs.size

    @property
    def segments(self) -> int:
        """In how many pieces, each with a start of its own, the longest run was fitted."""
        return int(np.bincount(self.fit.segments.owner).max())

    @cached_property
    def run_misfit(self) -> float:
        """The mean square misfit of the first run as one trajectory from its fitted start.

        That of a forecast: `misfit` is with a start for each segment. NaN for a system with
        inputs, and where the trajectory grows without bound.
        """
        if self.data.inputs:
            return float("nan")
        run = self.data.runs[0]
        rest = _roll_out(self, run.times) - run.states
        known = np.isfinite(run.states)
        return float(np.mean(rest[known] ** 2))

    @cached_property
    def held_out(self) -> Forecast | None:
        """How well a network that saw the first four fifths of each run forecasts the last fifth.

        It is trained when this is first asked for. None for runs that are too short; the error is
        infinite where no trajectory stays finite.
        """
        train, test = self.data.split(_HELD_OUT)
        if test is None:
            return None
        try:
            model = _train(train, self.options)
        except KanpdeError:
            return Forecast(sum(map(len, test.runs)), float("inf"), float("nan"))
        return forecast_holdout(model.fit, train, test)[0]

    def _describe_forecast(self) -> list[str]:
        """What a forecast is worth, by samples that did not train."""
        held_out = self.held_out
        if held_out is None:
            return []
        error = f"{held_out.error:.2g}" if np.isfinite(held_out.error) else "without bound"
        line = (
            f"forecast of the last {held_out.samples} samples by a network trained without them: "
            f"off by {error} in units of the deviation"
        )
        if held_out.error < _FAR:
            return [line]
        return [
            line,
            "warning: do not trust forecasts; take fewer parameters, or more or less noisy samples",
        ]

    def text(self) -> str:
        """What was trained, and what it is worth for forecasts."""
        lines = [
            f"KAN-ODE: {self.parameters} parameters, mean square misfit {self.misfit:.2g}"
            + (f" in {self.segments} segments" if self.segments > 1 else "")
        ]
        forecasts = self._describe_forecast()
        if self.data.inputs:
            return "\n".join([*lines, *forecasts])
        lines.append(
            f"one trajectory from the first start: {self.run_misfit:.2g}"
            if np.isfinite(self.run_misfit)
            else "one trajectory from the first start grows without bound"
        )
        if not self.run_misfit < _POOR * max(self.misfit, 1e-12 * self.data.scale.max() ** 2):
            lines.append(
                "warning: one trajectory does not follow the data that the segments do: do not "
                "trust forecasts; take fewer parameters, or more or less noisy samples"
            )
        return "\n".join([*lines, *forecasts])

    def __call__(self, x: Array, u: Array | None = None) -> Array:
        """The right-hand side at x (N, n), with inputs u (N, m)."""
        x = np.atleast_2d(np.asarray(x, dtype=float))
        driven = np.zeros((len(x), 0)) if u is None else np.atleast_2d(u)
        return self.rhs.value(x, driven, self.fit.c)

    def simulate(self, start: Sequence[float], times: Array, method: str = "DOP853") -> Array:
        """The states at given times, of a system without inputs.

        Args:
            start: the state at the first time, (n,).
            times: increasing, (N,).
            method: of `scipy.integrate.solve_ivp`.

        Returns:
            The states (N, n); NaN from where they leave every bound.

        Raises:
            KanpdeError: the system has inputs.
        """
        self._refuse_inputs()
        bound = 1e6 * float(self.data.scale.max())
        by = Integrator(method, rtol=1e-8, atol=1e-10, bound=bound, evaluations=_CALLS)
        return simulate(lambda t, x: self(x[None])[0], np.array(start, dtype=float), times, by)

    def odeint(
        self,
        start: Tensor,
        times: Tensor,
        parameters: Tensor | None = None,
        by: Adaptive | None = None,
    ) -> Tensor:
        """The states at given times, differentiable by autograd, of a system without inputs.

        Args:
            start: the state at the first time, (n,), float64.
            times: increasing, (N,).
            parameters: of the network, (p,), float64; the trained ones by default.
            by: an adaptive method of torchdiffeq.

        Returns:
            The states (N, n), differentiable by `start` and `parameters`.

        Raises:
            KanpdeError: the system has inputs, or the trajectory cannot be followed to the end.
        """
        self._refuse_inputs()
        c = torch.from_numpy(self.fit.c) if parameters is None else parameters
        return integrate(self.rhs, start, c, times, by or Adaptive())

    def _refuse_inputs(self) -> None:
        if self.data.inputs:
            raise KanpdeError("a system with inputs cannot be simulated without them")


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
    require_whole("train_kanode: steps", steps, 1)
    require_whole("train_kanode: seed", seed, 0)
    require_sequence("train_kanode: widths", widths, "(5, 5)")
    for width in widths:
        require_whole("train_kanode: a width", width, 1, 10_000)
    if basis is not None:
        require_one_of("train_kanode: basis", basis, Basis, "such as Chebyshev(4)")
    options = TrainingOptions(tuple(widths), basis or Chebyshev(4), products, known, steps, seed)
    return _train(trajectories(data), options)


def _train(data: Trajectories, options: TrainingOptions) -> KANODE:
    """A network for trajectories."""
    smoothed = smooth(data)
    policy = TrajectoryPolicy()
    shape = NetworkShape(options.widths, options.basis, options.products, options.seed)
    curve = _sample(smoothed)
    points = np.concatenate([curve.x, curve.u], 1)
    network = shape.build(points, (*data.states, *data.inputs), len(data.states))
    rhs = NetworkRHS(network, options.known)
    c = match_slopes(rhs, network.kan.flat(), curve, policy.prior)
    fit = _fit_growing_segments(rhs, c, smoothed, data.scale, options.steps, policy)
    if fit is None:
        raise KanpdeError(
            "no trajectory of the network stays finite: take fewer parameters or more samples"
        )
    network.kan.load_flat(torch.from_numpy(fit.c))
    return KANODE(data, rhs, fit, float(fit.squares.sum() / fit.counts.sum()), options)


def _sample(smoothed: Sequence[SmoothRun]) -> Curve:
    """The smooth curves of all runs, at three points for each sample."""
    mesh = [np.linspace(s.run.times[0], s.run.times[-1], 3 * len(s.run)) for s in smoothed]
    pairs = list(zip(smoothed, mesh, strict=True))
    return Curve(
        np.concatenate([s.values(t) for s, t in pairs]),
        np.concatenate([interpolate_inputs(s.run, t) for s, t in pairs]),
        np.concatenate([s.derivatives(t) for s, t in pairs]),
    )


def _fit_growing_segments(
    rhs: NetworkRHS, c: Array, smoothed: Sequence[SmoothRun], size: Array, steps: int,
    policy: TrajectoryPolicy,
) -> Fit | None:  # fmt: skip
    """Shooting in segments that double until they cover their runs."""
    speed = np.sqrt(np.mean(np.concatenate([s.derivatives(s.run.times) for s in smoothed]) ** 2))
    prior = np.full(rhs.size, policy.prior / speed)
    step = float(np.median(np.concatenate([np.diff(s.run.times) for s in smoothed])))
    longest = max(len(s.run) for s in smoothed) - 1
    intervals = int(np.clip(round(estimate_timescale(smoothed) / step), min(4, longest), longest))
    stop = ShootingPolicy(steps=steps)
    best: Fit | None = None
    while True:
        start = c if best is None else best.c
        fit = shoot(
            rhs, cut(smoothed, intervals), start, size, before=best, prior=prior, policy=stop
        )
        if fit is None and best is None and intervals > 1:
            intervals = max(1, intervals // 2)
            continue
        if fit is None:
            break
        if best is not None and np.any(fit.noise > policy.worse * best.noise + 1e-3 * size):
            break
        best = fit
        if intervals >= longest or intervals * fit.system.grid.substeps > policy.longest:
            break
        intervals = min(2 * intervals, longest)
    return best


def forecast(model: KANODE, times: Array) -> Array:
    """A rollout of the first run from its fitted start.

    Args:
        model: whose `text` says what a forecast is worth.
        times: increasing, (N,), from that of the first sample on.

    Returns:
        The states (N, n).

    Raises:
        KanpdeError: the system has inputs, the times begin before the first sample, or the
            trajectory leaves every bound.
    """
    path = _roll_out(model, times)
    lost = np.flatnonzero(~np.isfinite(path).all(1))
    if len(lost):
        raise KanpdeError(
            f"the trajectory of the network grows without bound before {model.data.time} = "
            f"{np.asarray(times)[lost[0]]:g}; ask for earlier times, or train fewer parameters "
            "(text() says how far a forecast of samples that did not train is off)"
        )
    return path


def _roll_out(model: KANODE, times: Array) -> Array:
    """The states (N, n) at times (N,); NaN from where they leave every bound."""
    first = float(model.data.runs[0].times[0])
    times = np.asarray(times, dtype=float)
    if len(times) == 0 or times[0] < first - 1e-9 * max(abs(first), float(np.ptp(times))):
        raise KanpdeError(
            f"a forecast begins at the first sample, {model.data.time} = {first:g}: begin the "
            "times there or later"
        )
    # The same function of time, whenever it is asked for.
    whole = np.concatenate([[first], times[times > first]])
    path = model.simulate(model.fit.path()[0, 0], whole)
    return path[len(whole) - len(times) :]
