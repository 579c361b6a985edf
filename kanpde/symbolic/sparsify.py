"""Fewer edges and nodes: sparse training (L1 and entropy), pruning, training of what is left.

The coefficients of a pruned edge are zeros, and stays so in later training; a node
without edges is taken out of its layer.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kanpde.network.kan import KAN
from kanpde.network.layer import KANLayer
from kanpde.optim.minimise import Quiet, minimise
from kanpde.symbolic.misfit import Misfit, PenalisedMisfit

# Edges this small beside the largest are as good as none; it bounds the weights of the penalty.
_SMALLEST = 1e-3


def train(
    network: KAN,
    points: Tensor,
    values: Tensor,
    *,
    penalty: Tensor | None = None,
    steps: int = 30,
) -> float:
    """Least-squares steps in place; pruned edges stay away. The relative rms error.

    `penalty` (P,) weighs the square of each parameter beside the mean square of the misfit.
    """
    theta = network.flat()
    alive = _find_alive(network)
    free = torch.nonzero(alive)[:, 0]
    weights = torch.full_like(theta, 1e-14) if penalty is None else penalty
    misfit = Misfit(network, points, values, float(values.std()) * len(values) ** 0.5)
    system = PenalisedMisfit(misfit, weights[free].sqrt(), free, theta)
    part = minimise(system, theta[free], Quiet(steps, gain=1e-3, patience=3)).theta
    return float(system.residual(part)[: len(values)].norm())


def sparsify(
    network: KAN,
    points: Tensor,
    values: Tensor,
    *,
    strength: float = 1e-3,
    rounds: int = 8,
    steps: int = 6,
) -> None:
    """Train with a penalty on the edges' sizes, in place, so that few remain large.

    `strength` times the sum of the sizes (L1), and of the entropy of their shares in each layer
    (Liu et al. 2024, eqs. 2.18 to 2.20), by least squares with weights that are renewed in each
    round: size = size^2 / size.

    Args:
        network: from points (N, V) to one value; its layers' edges are what is penalised.
        points: samples (N, V).
        values: what it is to be at them, (N,).
        strength: of the penalty, beside the relative mean square of the misfit.
        rounds: how often the weights are renewed.
        steps: least-squares steps in each round.
    """
    for _ in range(rounds):
        parts: list[Tensor] = []
        for layer in network.stack:
            size = layer.coefficients.detach().norm(dim=1)
            floor = _SMALLEST * float(size.max())
            share = (size / size.sum()).clamp_min(1e-12)
            entropy = -(share * share.log()).sum()
            # The slope of the entropy by a share; what is above the average is not driven up.
            rarity = (-share.log() - entropy).clamp_min(0)
            weight = strength * (1 + rarity) / size.clamp_min(floor)
            parts.append(weight[:, None, :].expand_as(layer.coefficients).flatten())
            parts.append(torch.full_like(layer.bias.detach(), 1e-14))
        train(network, points, values, penalty=torch.cat(parts), steps=steps)


def prune(network: KAN, points: Tensor, threshold: float) -> KAN:
    """A copy without edges of less importance than `threshold`, and without nodes that lost theirs.

    The importance is the share in the output: of each node's own, by the standard deviation of
    its edges at `points` (N, V), from the output down (Liu et al. 2024b, KAN 2.0, section 4).
    """
    out = copy.deepcopy(network)
    with torch.no_grad():
        rows = out.coordinates.features(points)
        sizes = []
        for layer in out.stack:
            s = torch.tanh(rows) if layer.squash else rows
            table = [
                [float(layer.edge(o, i, s[i]).std()) for i in range(layer.inputs)]
                for o in range(layer.outputs)
            ]
            sizes.append(np.array(table))
            rows = layer(rows)
        worth = np.ones(out.outputs)
        for layer, size in zip(reversed(out.stack), reversed(sizes), strict=True):
            importance = worth[:, None] * size / np.maximum(size.sum(1, keepdims=True), 1e-300)
            gone = torch.from_numpy(importance < threshold)
            layer.coefficients.masked_fill_(gone[:, None, :], 0.0)
            worth = importance.sum(0)
    return _drop_lone_nodes(out)


def _drop_lone_nodes(network: KAN) -> KAN:
    """Hidden nodes that nothing enters or leaves go; what a constant one gave goes to the bias."""
    with torch.no_grad():
        while True:
            stack = network.stack
            for k, (below, above) in enumerate(pairwise(stack)):
                enters = below.coefficients.abs().sum((1, 2)) > 0
                leaves = above.coefficients.abs().sum((0, 1)) > 0
                kept = torch.nonzero(enters & leaves)[:, 0]
                if len(kept) == below.outputs or not len(kept):
                    continue
                for node in torch.nonzero(leaves & ~enters)[:, 0].tolist():
                    place = torch.tanh(below.bias[node : node + 1])
                    for o in range(above.outputs):
                        above.bias[o] += above.edge(o, node, place)[0]
                network.layers[k] = _take_part(below, outputs=kept)
                network.layers[k + 1] = _take_part(above, inputs=kept)
                break
            else:
                return network


def _take_part(
    layer: KANLayer, *, inputs: Tensor | None = None, outputs: Tensor | None = None
) -> KANLayer:
    """The layer with some of its inputs and outputs."""
    rows = torch.arange(layer.outputs) if outputs is None else outputs
    columns = torch.arange(layer.inputs) if inputs is None else inputs
    new = KANLayer(
        len(columns), len(rows), layer.basis, squash=layer.squash, generator=torch.Generator(),
        dtype=layer.coefficients.dtype, device=layer.coefficients.device,
    )  # fmt: skip
    new.coefficients.copy_(layer.coefficients[rows][:, :, columns])
    new.bias.copy_(layer.bias[rows])
    new.grid = None if layer.grid is None else layer.grid[columns]
    return new


def _find_alive(network: KAN) -> Tensor:
    """Which parameters belong to edges that are not pruned, (P,)."""
    parts = []
    for layer in network.stack:
        there = layer.coefficients.detach().abs().sum(1) > 0
        parts.append(there[:, None, :].expand_as(layer.coefficients).flatten())
        parts.append(torch.ones_like(layer.bias.detach(), dtype=torch.bool))
    return torch.cat(parts)


def edge_count(network: KAN) -> int:
    """How many edges are not pruned."""
    return sum(int((layer.coefficients.abs().sum(1) > 0).sum()) for layer in network.stack)
