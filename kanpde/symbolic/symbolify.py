"""One layer of edges into formulas: pruned, snapped one after another, refitted after each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
import torch

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.network.kan import KAN
from kanpde.network.products import ProductKAN
from kanpde.symbolic.suggest import Suggestion, X, suggest


@dataclass(frozen=True)
class Edge:
    """One edge at the samples that reach it: inputs and values (N,), importance in the output."""

    output: int
    index: int
    x: Array
    y: Array
    importance: float


def edges(network: ProductKAN | KAN, points: Array) -> list[list[Edge]]:
    """The edges of each layer at `points` (N, V).

    The importance is the edge's standard deviation beside that of its output node: what the
    sparsity terms of Liu et al. (2024, eq. 2.17) measure by the mean absolute value.
    """
    kan = network.kan if isinstance(network, ProductKAN) else network
    with torch.no_grad():
        x = torch.from_numpy(np.asarray(points, dtype=float))
        x = network.table(x) if isinstance(network, ProductKAN) else x
        own, rows = x.T, kan.coordinates.features(x)
        out = []
        for layer in kan.stack:
            s = torch.tanh(rows) if layer.squash else rows
            after = layer(rows)
            spread = after.std(1, correction=0).clamp_min(1e-300)
            found = []
            for o in range(layer.outputs):
                for i in range(layer.inputs):
                    y = layer.edge(o, i, s[i]).numpy()
                    found.append(Edge(o, i, own[i].numpy(), y, float(y.std() / float(spread[o]))))
            out.append(found)
            own = rows = after
    return out


def entropy(found: list[Edge]) -> float:
    """Of the importances in one layer: log of the effective number of edges."""
    shares = np.array([e.importance for e in found])
    shares = shares[shares > 0] / max(shares.sum(), 1e-300)
    return float(-(shares * np.log(shares)).sum())


def symbolify(
    network: ProductKAN, points: Array, *, floor: float = 1e-10, threshold: float = 1e-3
) -> list[sympy.Expr]:
    """Each output of a one-layer network as a formula of its variables.

    Edges are snapped in the order of their importance; what the snapped ones miss is refitted
    by the others before the next is looked at, so that functions which two edges share (their
    slopes in x and x y, their constants) end up in one of them.

    Args:
        network: one layer of edges.
        points: samples (N, V).
        floor: the share of an edge's variance that is noise.
        threshold: edges of less importance are pruned.

    Raises:
        KanpdeError: for a network with hidden layers.
    """
    kan = network.kan
    if len(kan.stack) > 1:
        raise KanpdeError(
            "a network with hidden layers cannot be turned into a formula at once; "
            "kanpde.symbolic.compose trains one that can"
        )
    with torch.no_grad():
        values = network(torch.from_numpy(points)).numpy()
        table = network.table(torch.from_numpy(points))
        bases = (
            kan.stack[0]
            .basis.derivatives(kan.coordinates.features(table), 0, kan.stack[0].grid)[0]
            .numpy()
        )
    x, features = table.numpy(), network.features
    out = []
    for o in range(kan.outputs):
        own = [e for e in edges(network, points)[0] if e.output == o]
        own = sorted(own, key=lambda e: -e.importance)
        active = [e.index for e in own if e.importance > threshold]
        out.append(_snap(values[:, o], active, bases, x, features, floor))
    return out


def _snap(
    target: Array, active: list[int], bases: Array, x: Array, features: list[sympy.Expr],
    floor: float,
) -> sympy.Expr:  # fmt: skip
    """The sum of the best suggestions, a joint least-squares fit of their weights at the end."""
    total, chosen = target.copy(), []
    left = list(active)
    while left:
        design = np.concatenate([bases[:, i].T for i in left], 1)
        design = np.concatenate([design, np.ones((len(total), 1))], 1)
        size = np.linalg.norm(design, axis=0)
        weights = np.linalg.lstsq(design / size, total, rcond=1e-10)[0] / size
        parts = weights[:-1].reshape(len(left), -1)
        curves = [bases[:, i].T @ w for i, w in zip(left, parts, strict=True)]
        k = int(np.argmax([c.std() for c in curves]))
        index = left.pop(k)
        if curves[k].std() < 1e-6 * target.std():
            continue
        best = suggest(x[:, index], curves[k], floor=floor)[0]
        chosen.append((index, best))
        total = total - _evaluate(best, x[:, index])
    columns = [_evaluate(s, x[:, i]) for i, s in chosen if s.complexity]
    design = np.stack([*columns, np.ones(len(target))], 1)
    weights = np.linalg.lstsq(design, target, rcond=None)[0]
    shapes = [s.formula.subs(X, features[i]) for i, s in chosen if s.complexity]
    parts = [sympy.Float(w) * f for w, f in zip(weights, shapes, strict=False)]
    return sympy.expand(sympy.Add(*parts, sympy.Float(weights[-1])))


def _evaluate(suggestion: Suggestion, x: Array) -> Array:
    values = sympy.lambdify(X, suggestion.formula, "numpy")(x)
    return np.broadcast_to(np.asarray(values, dtype=float), x.shape)
