"""The network of a table: grid extension while held-out samples gain, and no further.

Where a network learns its samples by heart (its error on held-out ones is far above that on its
own), smaller and smoother ones are tried; the held-out samples choose among all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.optim.minimise import Quiet, minimise
from kanpde.symbolic.columns import Samples
from kanpde.symbolic.misfit import Misfit
from kanpde.symbolic.options import FitOptions
from kanpde.symbolic.sparsify import train


@dataclass(frozen=True)
class GrowthPolicy:
    """When a network stops to grow, and what is tried where it learns samples by heart."""

    # The share of samples that only judge.
    held_out: float = 0.2
    # The basis sizes that grid extension stops at, for one variable and for more.
    largest_basis: tuple[int, int] = (160, 24)
    # Parameters beside the number of samples that train.
    fullest: float = 0.6
    # An extension must lower the held-out error to this share; one may gain nothing, such as an
    # even degree for an odd function, so this many may fail.
    gain: float = 0.9
    failures: int = 2
    # Held-out over training error beyond which samples were learnt by heart. With 277 parameters
    # and 400 noisy samples it is 3.3; four variables ended at 146 % of the spread.
    by_heart: float = 1.5
    # A misfit that needs no cure, beside the spread.
    small: float = 1e-5
    smaller_widths: tuple[tuple[int, ...], ...] = ((6, 6), (3,), ())
    # Penalties on the coefficients, beside the relative mean square of the misfit.
    penalties: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-5)


@dataclass(frozen=True)
class Grown:
    """A network, and its root mean square errors on its own samples and on held-out ones.

    `judges` is how many samples were held out.
    """

    network: KAN
    training: float
    held_out: float
    judges: int


@dataclass(frozen=True)
class Split:
    """Rows of a table: points (N, V) and values (N,) that train, and those that judge."""

    points: Tensor
    values: Tensor
    judge_points: Tensor
    judge_values: Tensor

    def measure(self, network: KAN) -> Grown:
        """With its errors on both parts."""
        with torch.no_grad():
            own = (network(self.points)[:, 0] - self.values).square().mean().sqrt()
            other = (network(self.judge_points)[:, 0] - self.judge_values).square().mean().sqrt()
        return Grown(network, float(own), float(other), len(self.judge_values))


def split_rows(samples: Samples, order: Sequence[int], share: float) -> Split:
    """The first `share` of an order of the rows judges, the rest trains."""
    count = int(share * len(samples.y))
    judges, own = np.sort(order[:count]), np.sort(order[count:])
    points, values = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    return Split(points[own], values[own], points[judges], values[judges])


def grow_network(
    samples: Samples, split: Split, options: FitOptions, policy: GrowthPolicy = GrowthPolicy()
) -> Grown:
    """The network whose error on the held-out samples is least."""
    best = _extend(samples, split, options, policy)
    if not _knows_by_heart(best, samples, policy):
        return best
    for other in _smaller(samples, split, options, policy):
        options.report(
            f"{other.network.parameter_count} parameters, smoother, "
            f"held-out error {other.held_out:.2e}"
        )
        if other.held_out < best.held_out:
            best = other
    return best


def _knows_by_heart(grown: Grown, samples: Samples, policy: GrowthPolicy) -> bool:
    large = grown.held_out > policy.small * samples.spread
    return large and grown.held_out > policy.by_heart * grown.training


def _make_network(samples: Samples, options: FitOptions) -> KAN:
    x, one = samples.x, len(samples.names) == 1
    coordinates = Coordinates(tuple(x.min(0)), tuple(x.max(0)), (False,) * x.shape[1])
    widths = (() if one else (6, 6)) if options.widths is None else options.widths
    basis = options.basis or Chebyshev(12 if one else 4)
    generator = torch.Generator().manual_seed(options.seed)
    network = KAN(coordinates, widths, 1, basis, generator=generator)
    with torch.no_grad():
        # Values far from 0 drive a fresh network's hidden nodes into saturation: a b c d on
        # (1, 3), of mean 16, ended at a training error of 79 % of the spread.
        network.stack[-1].coefficients.mul_(samples.spread)
        network.stack[-1].bias.fill_(float(samples.y.mean()))
    return network


def _extend(samples: Samples, split: Split, options: FitOptions, policy: GrowthPolicy) -> Grown:
    """Train, extend the bases, and train again while the held-out error gains."""
    limit = policy.largest_basis[min(len(samples.names), 2) - 1]
    network = _make_network(samples, options)
    best, failed = Grown(network, float("inf"), float("inf"), len(split.judge_values)), 0
    while True:
        misfit = Misfit(network, split.points, split.values, samples.spread)
        stop = Quiet(options.steps, gain=1e-3, patience=4)
        network.load_flat(minimise(misfit, network.flat(), stop).theta)
        now = split.measure(network)
        options.report(f"{network.parameter_count} parameters, held-out error {now.held_out:.2e}")
        failed = 0 if now.held_out < policy.gain * best.held_out else failed + 1
        if failed > policy.failures:
            return best
        if now.held_out < best.held_out:
            best = now
        larger = network.extended()
        full = larger.parameter_count > policy.fullest * len(split.values)
        if full or larger.basis.size > limit or best.held_out < 1e-13 * samples.spread:
            return best
        network = larger


def _measure_roughness(network: KAN, spread: float) -> Tensor:
    """What each coefficient weighs in a penalty, (P,): by the basis's decay, 0 for biases."""
    parts = []
    for layer in network.stack:
        scale = spread if layer is network.stack[-1] else 1.0
        weights = (layer.basis.decay() * scale) ** -2
        parts.append(weights[None, :, None].expand_as(layer.coefficients).flatten())
        parts.append(torch.zeros_like(layer.bias))
    return torch.cat(parts).detach()


def _smaller(
    samples: Samples, split: Split, options: FitOptions, policy: GrowthPolicy
) -> Iterator[Grown]:
    """Networks of fewer hidden nodes under penalties, from the largest penalty down."""
    widths = policy.smaller_widths if options.widths is None else (options.widths,)
    if len(samples.names) == 1:
        widths = ((),)
    for some in widths:
        network = _make_network(samples, replace(options, widths=some))
        rough = _measure_roughness(network, samples.spread)
        for strength in policy.penalties:
            train(
                network, split.points, split.values,
                penalty=(strength * rough / len(rough)).clamp_min(1e-14), steps=options.steps,
            )  # fmt: skip
            yield split.measure(copy.deepcopy(network))
