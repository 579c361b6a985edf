"""A network whose outputs are the logits of classes, by cross entropy and a penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from kanpde.arrays import Array
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.optim.gradient import lbfgs_steps
from kanpde.options import ignore
from kanpde.symbolic.clock import NEVER, Deadline


@dataclass(frozen=True)
class ClassifierPolicy:
    """The networks and penalties that are tried; the samples that only choose decide.

    Penalties weigh the square of each coefficient, by how fast those of its degree decay.
    """

    widths: tuple[tuple[int, ...], ...] = ((), (4,))
    basis: Basis = field(default_factory=lambda: Chebyshev(4))
    penalties: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
    steps: int = 60
    # The share of samples that choose, and that of these that ends the search: a smaller
    # penalty only makes a network surer.
    choosers: float = 0.25
    worse: float = 1.5
    # The share of the time in which widths and penalties are chosen; then all samples train.
    choosing: float = 0.6


@dataclass(frozen=True)
class CrossEntropy:
    """The mean cross entropy of a network's logits at points (N, V) with labels (N,).

    A network of one output gives the logit of the second of two classes. `weights` (P,) are
    those of a penalty on squares of the parameters.
    """

    network: KAN
    points: Tensor
    labels: Tensor
    weights: Tensor

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient (P,)."""
        parameters = list(self.network.parameters())
        with torch.no_grad():
            vector_to_parameters(theta.clone(), parameters)
        with torch.enable_grad():
            loss = cross_entropy(spread_logits(self.network(self.points)), self.labels)
            loss = loss + (self.weights * parameters_to_vector(parameters) ** 2).sum()
            parts = torch.autograd.grad(loss, parameters)
        return float(loss.detach()), torch.cat([part.flatten() for part in parts])


def spread_logits(out: Tensor) -> Tensor:
    """(N, 1) to the logits of two classes, (N, 2); more are as they are."""
    return torch.cat([torch.zeros_like(out), out], 1) if out.shape[1] == 1 else out


def make_classifier(
    x: Array, classes: int, widths: tuple[int, ...], basis: Basis, seed: int
) -> KAN:
    """A fresh network for points in the box of x (N, V)."""
    low, high = x.min(0), x.max(0)
    high = np.where(high > low, high, low + 1)
    coordinates = Coordinates(tuple(low), tuple(high), (False,) * x.shape[1])
    outputs = 1 if classes == 2 else classes
    return KAN(coordinates, widths, outputs, basis, generator=torch.Generator().manual_seed(seed))


def train_classifier(
    network: KAN, x: Array, labels: Array, *, penalty: float, steps: int,
    deadline: Deadline = NEVER,
) -> None:  # fmt: skip
    """Lower the cross entropy by L-BFGS, in place.

    Args:
        network: of `make_classifier`.
        x: points (N, V).
        labels: 0 ... K - 1, (N,).
        penalty: the weight of the squares of coefficients beside the mean cross entropy.
        steps: of L-BFGS, at most.
        deadline: after which no further step is taken.
    """
    parts = []
    for layer in network.stack:
        rough = layer.basis.decay() ** -2
        parts.append((rough / rough.mean())[None, :, None].expand_as(layer.coefficients).flatten())
        parts.append(torch.full_like(layer.bias.detach(), 1e-3))
    weights = penalty * torch.cat(parts).detach() / x.shape[1]
    points, target = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(labels).long()
    objective = CrossEntropy(network, points, target, weights)
    last = float("inf")
    for count, stopped in enumerate(lbfgs_steps(objective, network, steps, 20)):
        if stopped is not None or deadline.over:
            break
        if count % 10 == 9:
            loss, _ = objective.gradient(parameters_to_vector(network.parameters()).detach())
            if loss > (1 - 1e-3) * last:
                break
            last = loss


def predict_probabilities(network: KAN, x: Array) -> Array:
    """The probability of each class at points (N, V), (N, K).

    Points beyond the box that trained are moved to its edge: polynomials grow without bounds.
    """
    box = network.coordinates
    inside = np.clip(x, box.lower, box.upper)
    with torch.no_grad():
        logits = spread_logits(network(torch.from_numpy(inside)))
        return np.asarray(torch.softmax(logits, 1).numpy())


def measure_cross_entropy(probabilities: Array, labels: Array) -> float:
    """The mean of -log p of the right class, of (N, K) at (N,)."""
    right = probabilities[np.arange(len(labels)), labels.astype(int)]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def choose_classifier(
    x: Array,
    labels: Array,
    classes: int,
    *,
    seed: int = 0,
    policy: ClassifierPolicy = ClassifierPolicy(),
    report: Callable[[str], None] = ignore,
    deadline: Deadline = NEVER,
) -> KAN:
    """The network whose widths and penalty suit samples best that did not train it.

    It is trained again on all of x (N, V) with labels 0 ... K - 1 (N,). After the deadline what
    was best so far is taken.
    """
    choosing = deadline.part(policy.choosing)
    choosers = split_by_class(labels, policy.choosers, seed)
    own, others = np.flatnonzero(~choosers), np.flatnonzero(choosers)
    best: tuple[float, tuple[int, ...], float] = (float("inf"), (), policy.penalties[0])
    for widths in policy.widths:
        least = float("inf")
        network = make_classifier(x, classes, widths, policy.basis, seed)
        for penalty in policy.penalties:
            if choosing.over and np.isfinite(best[0]):
                report(f"the time is over: hidden nodes {widths}, penalty {penalty:g} not tried")
                break
            train_classifier(
                network, x[own], labels[own], penalty=penalty, steps=policy.steps, deadline=choosing
            )
            chances = predict_probabilities(network, x[others])
            now = measure_cross_entropy(chances, labels[others]) if len(others) else 0.0
            report(f"hidden nodes {widths}, penalty {penalty:g}: cross entropy {now:.3g}")
            best = min(best, (now, widths, penalty))
            least = min(least, now)
            if now > policy.worse * least:
                break
    network = make_classifier(x, classes, best[1], policy.basis, seed)
    for penalty in (p for p in policy.penalties if p >= best[2]):
        train_classifier(network, x, labels, penalty=penalty, steps=policy.steps, deadline=deadline)
    return network


def split_by_class(labels: Array, share: float, seed: int) -> NDArray[np.bool_]:
    """Which rows are set aside, (N,) of truth values: the same share of each class."""
    out = np.zeros(len(labels), dtype=bool)
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        out[rows[: int(share * len(rows))]] = True
    return out
