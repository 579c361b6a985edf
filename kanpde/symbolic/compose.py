"""A formula from a network with hidden layers: trained sparse, pruned, each edge a function.

What pykan does by hand (train sparse, prune, suggest, fix, train again) in one go: edges get
the functions that suit them best, the formula of the whole is put together from the output
down, and all its numbers are fitted to the samples at once. Where the best functions of the
edges do not lead to a good formula, the next best are tried, one edge at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.kan import KAN
from kanpde.network.products import ProductKAN
from kanpde.symbolic.found import Found, make_symbols
from kanpde.symbolic.numbers import refit
from kanpde.symbolic.sparsify import prune, sparsify, train
from kanpde.symbolic.suggest import Suggestion, X, suggest
from kanpde.symbolic.symbolify import Edge, edges

# Numbers this near to a short one are meant to be it.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class ComposeOptions:
    """How a sparse network is made and read.

    Args:
        widths: of the network before pruning.
        basis: of its edges.
        products: whether products of pairs of variables are inputs too.
        strength: of the penalty on edges.
        exact: the relative error at which no further seed is tried.
        seeds: how many first coefficients are tried.
    """

    widths: tuple[int, ...] = (4,)
    basis: Basis = field(default_factory=lambda: Chebyshev(8))
    products: bool = False
    strength: float = 1e-3
    exact: float = 1e-7
    seeds: int = 3


@dataclass(frozen=True)
class ReadingPolicy:
    """How far a network is pruned, and how many functions its edges may be."""

    # The importances below which edges go, the most drastic first.
    thresholds: tuple[float, ...] = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
    # A pruned network may be this much worse than the whole one, or this good at least.
    worse: float = 10.0
    enough: float = 2e-3
    steps: int = 60
    candidates: int = 4
    # Edges, and formulas tried with other functions on them: beyond that nobody reads the result.
    edges: int = 10
    trials: int = 30
    # The relative error that ends the trials.
    exact: float = 1e-9


def compose(
    x: Array,
    y: Array,
    names: Sequence[str],
    options: ComposeOptions = ComposeOptions(),
    *,
    report: Callable[[str], None] | None = None,
) -> Found | None:
    """A formula for y (N,) at x (N, V) from a sparse network; None if all are poor.

    Args:
        x: samples.
        y: their values.
        names: of the variables.
        options: of the network and its training.
        report: is told what is being done.
    """
    best: Found | None = None
    for seed in range(options.seeds):
        network = ProductKAN.around(
            x, names, 1, products=options.products, widths=options.widths, basis=options.basis,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        table = network.table(torch.from_numpy(x))
        small = simplify_network(network.kan, table, torch.from_numpy(y), strength=options.strength)
        if report:
            error = _measure_error(small, table, y)
            report(f"a network of {small.widths} hidden nodes, relative error {error:.1e}")
        found = read_formula(small, table.numpy(), network.features, Target(names, x, y))
        if found is not None and (best is None or found.error < best.error):
            best = found
        if best is not None and best.error < options.exact:
            break
    return best


def simplify_network(
    network: KAN,
    points: Tensor,
    values: Tensor,
    *,
    strength: float = 1e-3,
    policy: ReadingPolicy = ReadingPolicy(),
) -> KAN:
    """Trained, sparsified, pruned as far as the samples allow, and trained again without penalty.

    `points` (N, V), `values` (N,); `strength` as in `sparsify`.
    """
    whole = train(network, points, values, steps=policy.steps)
    sparsify(network, points, values, strength=strength)
    allowed = max(policy.enough, policy.worse * whole)
    best = network
    for threshold in policy.thresholds:
        best = prune(network, points, threshold)
        if train(best, points, values, steps=policy.steps) <= allowed:
            break
    return best


@dataclass(frozen=True)
class Target:
    """What a formula's numbers are fitted to: y (N,) at x (N, V), with the variables' names."""

    names: Sequence[str]
    x: Array
    y: Array


Place = tuple[int, int, int]


@dataclass(frozen=True)
class _Reader:
    """A network whose edges are named by level, output and input, with the functions for each."""

    network: KAN
    layers: list[list[Edge]]
    inputs: Sequence[sympy.Expr]
    choices: dict[Place, list[Suggestion]]
    target: Target

    def build(self, chosen: dict[Place, int]) -> Found | None:
        """The formula with the chosen function on each edge, its numbers fitted."""
        nodes: list[sympy.Expr] = list(self.inputs)
        for level, layer in enumerate(self.network.stack):
            above = []
            for o in range(layer.outputs):
                parts = [
                    self.choices[level, o, i][k].formula.subs(X, nodes[i])
                    for (at, out, i), k in chosen.items()
                    if (at, out) == (level, o)
                ]
                means = sum(float(e.y.mean()) for e in self.layers[level] if e.output == o)
                constant = float(layer.bias[o].detach()) + means
                above.append(sympy.Add(*parts, sympy.Float(constant)))
            nodes = above
        return _fit_numbers(tidy(nodes[0]), self.target)


def read_formula(
    network: KAN,
    points: Array,
    inputs: Sequence[sympy.Expr],
    target: Target,
    policy: ReadingPolicy = ReadingPolicy(),
) -> Found | None:
    """The formula of a network whose pruned edges are zero.

    Args:
        network: with one output.
        points: what enters it, (N, F).
        inputs: the same as expressions of the variables (F,).
        target: what the formula's numbers are fitted to.
        policy: how many functions are tried.
    """
    layers = edges(network, points)
    choices: dict[Place, list[Suggestion]] = {}
    for level, layer in enumerate(layers):
        for edge in layer:
            if edge.y.std() > 1e-10:
                ranked = suggest(edge.x, edge.y - edge.y.mean(), floor=1e-9)
                choices[level, edge.output, edge.index] = ranked[: policy.candidates]
    if len(choices) > policy.edges:
        return None
    return _improve(_Reader(network, layers, inputs, choices, target), policy)


def _improve(reader: _Reader, policy: ReadingPolicy) -> Found | None:
    """From the best functions of all edges, one edge at a time while the formula gains."""
    now = dict.fromkeys(reader.choices, 0)
    best, left, changed = reader.build(now), policy.trials, True
    while changed:
        changed = False
        places = [(p, k) for p, ranked in reader.choices.items() for k in range(len(ranked))]
        for place, k in places:
            if left == 0 or (best is not None and best.error < policy.exact):
                return best
            if k == now[place]:
                continue
            left -= 1
            other = reader.build({**now, place: k})
            if other is not None and (best is None or _is_better(other, best)):
                best, now, changed = other, {**now, place: k}, True
    return best


def _is_better(one: Found, other: Found) -> bool:
    def score(f: Found) -> float:
        return float(np.log10(f.error + 1e-12)) + 0.05 * f.complexity

    return score(one) < score(other) - 1e-9


def _fit_numbers(formula: sympy.Expr, target: Target) -> Found | None:
    """With the numbers that suit best, rounded where that costs nothing; None if all are poor."""
    symbols, x, y = make_symbols(target.names), target.x, target.y
    spread = float(y.std())

    def misfit(function: Callable[..., Array]) -> Array:
        return np.asarray((function(*x.T) - y) / spread)

    fitted = refit(formula, symbols, misfit)
    error = float(np.sqrt(np.mean(fitted.rest**2)))
    if not np.isfinite(error) or error > 1:
        return None
    neat = tidy(fitted.formula)
    short = neat.xreplace({n: _round(n) for n in neat.atoms(sympy.Float)})
    call = sympy.lambdify(symbols, short, "numpy")
    with np.errstate(all="ignore"):
        left = float(np.sqrt(np.mean(misfit(lambda *z: call(*z) + 0 * z[0]) ** 2)))
    if left <= max(2 * error, 1e-9):
        return Found(short, left)
    return Found(fitted.formula, error)


def _round(number: sympy.Float) -> sympy.Expr:
    value = float(number)
    short = round(value, 3)
    if abs(value - short) > _ROUNDING * max(1.0, abs(short)):
        return number
    return sympy.Integer(int(short)) if short == int(short) else sympy.Float(short)


def tidy(formula: sympy.Expr) -> sympy.Expr:
    """Numbers multiplied out, exp(a + b) with its constant outside, sin without whole turns."""

    def parts(inner: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        inner = sympy.expand_mul(inner)
        constant, rest = inner.as_independent(*inner.free_symbols, as_Add=True)
        return constant, rest

    def grown(inner: sympy.Expr) -> sympy.Expr:
        constant, rest = parts(inner)
        return sympy.exp(constant) * sympy.exp(rest)

    def turned(inner: sympy.Expr) -> sympy.Expr:
        constant, rest = parts(inner)
        halves = round(float(constant) / np.pi)
        left = float(constant) - halves * np.pi
        inner = rest if abs(left) < _ROUNDING else rest + sympy.Float(left)
        return (-1) ** halves * sympy.sin(inner)

    formula = sympy.expand_mul(formula).replace(sympy.exp, grown).replace(sympy.sin, turned)
    return sympy.expand_mul(formula)


def _measure_error(network: KAN, table: Tensor, y: Array) -> float:
    with torch.no_grad():
        out = network(table)[:, 0].numpy()
    return float(np.sqrt(np.mean((out - y) ** 2)) / y.std())
