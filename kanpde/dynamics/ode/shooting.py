"""Multiple shooting: the misfit of many short trajectories as one residual vector.

The unknowns are the parameters and the start of every segment (Bock 1983). Segments grow
until one covers its run (single shooting) or until the motion is too sensitive to its start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.dynamics.ode.flow import TimeGrid, choose_substeps, flow, flow_with_sensitivity
from kanpde.dynamics.ode.policy import ShootingPolicy
from kanpde.dynamics.ode.rhs import RightHandSide
from kanpde.dynamics.ode.segments import Segments
from kanpde.optim.minimise import Quiet, minimise
from kanpde.optim.normal import NormalEquations

# Relative to the rms of a state: what the integrator and a table's digits leave.
FLOOR = 1e-8


@dataclass(frozen=True)
class ShootingSystem:
    """(x - data) / noise, for the optimisers; theta = (c / scales, starts / size), flat.

    `noise` (n,) and `size` (n,) are the level of the noise and the rms of each state; `scales`
    (p,) units of the parameters, `prior` (p,) the weights of the prior's rows.
    """

    rhs: RightHandSide
    segments: Segments
    noise: Array
    scales: Array
    size: Array
    grid: TimeGrid
    prior: Array

    def pack(self, c: Array, starts: Array) -> Tensor:
        """Theta from parameters (p,) and starts (S, n)."""
        return torch.from_numpy(np.concatenate([c / self.scales, (starts / self.size).ravel()]))

    def unpack(self, theta: Tensor) -> tuple[Array, Array]:
        """Parameters (p,) and starts (S, n) from theta."""
        flat = theta.numpy()
        p = self.rhs.size
        return flat[:p] * self.scales, flat[p:].reshape(self.segments.count, -1) * self.size

    @property
    def known(self) -> Array:
        """Where there are values, (S, M, n)."""
        return np.isfinite(self.segments.values)

    @property
    def length(self) -> int:
        """Steps of integration along one segment."""
        return self.grid.substeps * (self.segments.samples - 1)

    def residual(self, theta: Tensor) -> Tensor:
        """The misfit of every known value, then the prior's rows; not finite after a divergence."""
        c, starts = self.unpack(theta)
        return torch.from_numpy(self._rows(flow(self.rhs, starts, c, self.grid), theta))

    def _rows(self, x: Array, theta: Tensor) -> Array:
        with np.errstate(all="ignore"):
            misfit = ((x - self.segments.values) / self.noise)[self.known]
        return np.concatenate([misfit, self.prior * theta.numpy()[: self.rhs.size]])

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and the loss."""
        c, starts = self.unpack(theta)
        x, sensitivity = flow_with_sensitivity(self.rhs, starts, c, self.grid)
        p, n, count = self.rhs.size, len(self.size), self.segments.count
        known = self.known
        by_parameter = sensitivity[..., n:] * self.scales / self.noise[:, None]
        by_start = sensitivity[..., :n] * self.size / self.noise[:, None]
        rows = int(known.sum())
        total = rows + p
        jacobian = np.zeros((p + count * n, total))
        jacobian[:p, :rows] = by_parameter[known].T
        owner = np.nonzero(known)[0]
        at = np.arange(rows)
        for k in range(n):
            jacobian[p + owner * n + k, at] = by_start[known][:, k]
        jacobian[np.arange(p), total - p + np.arange(p)] = self.prior
        normal = NormalEquations(len(theta), theta.device)
        normal.add(torch.from_numpy(jacobian), torch.from_numpy(self._rows(x, theta)))
        return normal

    def reduce(self, theta: Tensor) -> tuple[Array, Array]:
        """J^T J and J^T r of the parameters alone, the starts eliminated; in units of c."""
        normal = self.normal(theta)
        p = self.rhs.size
        upper = np.triu(normal.matrix)
        full = upper + upper.T - np.diag(np.diagonal(upper))
        gradient = normal.gradient.numpy()
        own, cross, rest = full[:p, :p], full[:p, p:], full[p:, p:]
        scale = 1 / np.sqrt(np.maximum(np.diagonal(rest), 1e-300))
        rest = rest * scale[:, None] * scale[None, :] + 1e-14 * np.eye(len(rest))
        solved = np.linalg.solve(rest, scale[:, None] * np.c_[cross.T, gradient[p:]])
        gram = own - (cross * scale) @ solved[:, :-1]
        right = gradient[:p] - (cross * scale) @ solved[:, -1]
        return gram / np.outer(self.scales, self.scales), right / self.scales


@dataclass(frozen=True)
class Fit:
    """Parameters (p,) and starts (S, n) after shooting, and the remaining misfit by state.

    `squares` (n,) are the sums of its squares over `counts` (n,) known values. `effort` is what
    the fit took: steps of integration along one segment, over all iterations.
    """

    c: Array
    starts: Array
    system: ShootingSystem
    squares: Array
    counts: Array
    effort: int

    @property
    def rhs(self) -> RightHandSide:
        return self.system.rhs

    @property
    def segments(self) -> Segments:
        return self.system.segments

    @property
    def size(self) -> Array:
        """The rms of each state, (n,)."""
        return self.system.size

    @property
    def noise(self) -> Array:
        """The root mean square misfit of each state, not below what arithmetic leaves."""
        return np.sqrt(self.squares / self.counts + (FLOOR * self.size) ** 2)

    @property
    def deviance(self) -> float:
        """-2 log likelihood up to a constant, the noise of each state estimated."""
        return float(2 * np.sum(self.counts * np.log(self.noise / self.size)))

    @property
    def growth(self) -> float:
        """How much a change of a start grows over its segment, in units of the states."""
        _, v = flow_with_sensitivity(self.rhs, self.starts, self.c, self.system.grid)
        n = len(self.size)
        scaled = v[:, -1, :, :n] * self.size / self.size[:, None]
        return float(np.linalg.norm(scaled, axis=(1, 2)).max())

    def path(self) -> Array:
        """The fitted states of all segments at their samples, (S, M, n)."""
        return flow(self.rhs, self.starts, self.c, self.system.grid)


def shoot(
    rhs: RightHandSide,
    segments: Segments,
    c: Array,
    size: Array,
    *,
    before: Fit | None = None,
    noise: Array | None = None,
    prior: Array | None = None,
    policy: ShootingPolicy | None = None,
) -> Fit | None:
    """Fit a right-hand side to segments of trajectories by Levenberg-Marquardt.

    Args:
        rhs: with p parameters.
        segments: S segments of the samples.
        c: the first parameters, (p,).
        size: the rms of each state, (n,).
        before: an earlier fit, from which the starts are taken; from the smoothed data without.
        noise: the level of each state's noise, (n,); that of `before` or of the smoothing by
            default.
        prior: the weight of each parameter beside a data row of weight 1, (p,); none by default.
        policy: when to stop.

    Returns:
        The fit; None where the trajectories diverge from the first parameters.
    """
    policy = policy or ShootingPolicy()
    if noise is None:
        levels = np.stack([s.noise for s in segments.smoothed])
        noise = levels.max(0) if before is None else before.noise
    noise = np.sqrt(noise**2 + (FLOOR * size) ** 2)
    system = _build_system(rhs, segments, noise, c, size, prior)
    theta = system.pack(c, segments.starts if before is None else _inherit(segments, before))
    if not system.residual(theta).isfinite().all():
        theta = system.pack(c, segments.starts)
        if not system.residual(theta).isfinite().all():
            return None
    steps = policy.steps
    if np.isfinite(policy.effort):
        steps = min(steps, max(1, int(np.ceil(policy.effort / system.length))))
    floor = policy.floor * float(system.known.sum())
    stop = Quiet(steps, gain=policy.gain, patience=policy.patience, floor=floor)
    found = minimise(system, theta, stop)
    return _build_fit(system, found.theta, found.steps * system.length)


def _build_system(
    rhs: RightHandSide,
    segments: Segments,
    noise: Array,
    c: Array,
    size: Array,
    prior: Array | None,
) -> ShootingSystem:
    points = np.concatenate([s.values(s.run.times[:-1]) for s in segments.smoothed])
    inputs = np.concatenate([s.run.inputs[:-1] for s in segments.smoothed])
    times = np.concatenate([np.diff(s.run.times) for s in segments.smoothed])
    tolerance = np.maximum(0.01 * noise, 0.3 * FLOOR * size)
    count = choose_substeps(rhs, points, inputs, c, times, tolerance)
    with np.errstate(all="ignore"):
        _, _, slopes = rhs.linear(points, inputs, c)
        whole = np.isfinite(slopes)
        speed = np.sqrt(np.sum(np.where(whole, slopes, 0) ** 2, 0) / np.maximum(whole.sum(0), 1))
    # One unit of a scaled parameter moves its state by one rms over the median step.
    rate = size / max(float(np.median(times)), 1e-300) / 100
    with np.errstate(all="ignore"):
        scales = np.nanmin(np.where(speed > 0, rate[:, None] / speed, np.inf), axis=0)
    scales = np.where(np.isfinite(scales) & (scales > 0), scales, 1.0)
    weights = np.zeros(rhs.size) if prior is None else prior
    return ShootingSystem(
        rhs, segments, noise, scales, size, segments.time_grid(count), weights * scales
    )


def _inherit(segments: Segments, before: Fit) -> Array:
    """Starts (S, n) of new segments: where an earlier fit passed, else the smoothed data."""
    out = segments.starts.copy()
    path = before.path()
    index = {
        (before.segments.owner[s], float(t)): path[s, m]
        for s in range(before.segments.count)
        for m, t in reversed(list(enumerate(before.segments.times[s])))
    }
    for k, owner in enumerate(segments.owner):
        found = index.get((owner, float(segments.times[k, 0])))
        if found is not None and np.isfinite(found).all():
            out[k] = found
    return out


def _build_fit(system: ShootingSystem, theta: Tensor, effort: int) -> Fit:
    c, starts = system.unpack(theta)
    known = system.known
    x = flow(system.rhs, starts, c, system.grid)
    misfit = np.where(known, x - np.where(known, system.segments.values, 0), 0)
    counts = np.maximum(known.sum((0, 1)), 1)
    return Fit(c, starts, system, np.sum(misfit**2, axis=(0, 1)), counts, effort)


def with_noise(fit: Fit, noise: Array) -> ShootingSystem:
    """The system of a fit with other weights: the noise (n,) of each state."""
    return replace(fit.system, noise=noise)


def estimate_covariance(fit: Fit) -> Array:
    """Of the parameters, (p, p): the inverse of J^T J at the estimated noise, starts free."""
    dof = max(1.0, 1 - (fit.rhs.size + fit.starts.size) / max(float(fit.counts.sum()), 1.0))
    system = with_noise(fit, fit.noise)
    gram, _ = system.reduce(system.pack(fit.c, fit.starts))
    scale = 1 / np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
    inverse = np.linalg.pinv(gram * np.outer(scale, scale), rcond=1e-13, hermitian=True)
    return np.asarray(inverse * np.outer(scale, scale) / dof)
