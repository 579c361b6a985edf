"""A formula from a network with hidden layers: trained sparse, pruned, each edge a function.

What pykan does by hand (train sparse, prune, suggest, fix, train again) in one go: edges get
the functions that suit them best, the formula of the whole is put together from the output
down, and all its numbers are fitted to the samples at once. Where the best functions of the
edges do not lead to a good formula, the next best are tried, one edge at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.kan import KAN
from kanpde.network.products import ProductKAN
from kanpde.symbolic.numbers import refitted
from kanpde.symbolic.search import Found
from kanpde.symbolic.sparsify import prune, sparsify, train
from kanpde.symbolic.suggest import Suggestion, X, suggest
from kanpde.symbolic.symbolify import edges

_THRESHOLDS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
# A pruned network may be this much worse than the whole one, or this good at least.
_WORSE, _ENOUGH = 10.0, 2e-3
_CANDIDATES = 4
# Edges, and formulas tried with other functions on them: beyond that nobody reads the result.
_EDGES, _TRIALS = 10, 30
# Numbers this near to a short one are meant to be it.
_ROUNDING = 1e-6
_EXACT = 1e-9


def compose(
    x: Array,
    y: Array,
    names: Sequence[str],
    *,
    widths: Sequence[int] = (4,),
    basis: Basis | None = None,
    products: bool = False,
    strength: float = 1e-3,
    exact: float = 1e-7,
    seeds: int = 3,
    report: Callable[[str], None] | None = None,
) -> Found | None:
    """A formula for y (N,) at x (N, V) from a sparse network; None if all are poor.

    Args:
        x: samples.
        y: their values.
        names: of the variables.
        widths: of the network before pruning.
        basis: of its edges; Chebyshev(8) by default.
        products: whether products of pairs of variables are inputs too.
        strength: of the penalty on edges.
        exact: the relative error at which no further seed is tried.
        seeds: how many first coefficients are tried.
        report: is told what is being done.
    """
    best: Found | None = None
    for seed in range(seeds):
        network = ProductKAN.around(
            x, names, 1, products=products, widths=widths, basis=basis or Chebyshev(8),
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        table = network.table(torch.from_numpy(x))
        small = simplified(network.kan, table, torch.from_numpy(y), strength=strength)
        if report:
            error = _error(small, table, y)
            report(f"a network of {small.widths} hidden nodes, relative error {error:.1e}")
        found = formula_of(small, table.numpy(), network.features, x, y, names)
        if found is not None and (best is None or found.error < best.error):
            best = found
        if best is not None and best.error < exact:
            break
    return best


def simplified(network: KAN, points: Tensor, values: Tensor, *, strength: float = 1e-3) -> KAN:
    """Trained, sparsified, pruned as far as the samples allow, and trained again without penalty.

    `points` (N, V), `values` (N,); `strength` as in `sparsify`.
    """
    whole = train(network, points, values, steps=60)
    sparsify(network, points, values, strength=strength)
    allowed = max(_ENOUGH, _WORSE * whole)
    best = network
    for threshold in _THRESHOLDS:
        best = prune(network, points, threshold)
        if train(best, points, values, steps=60) <= allowed:
            break
    return best


def formula_of(
    network: KAN, points: Array, inputs: Sequence[sympy.Expr], x: Array, y: Array,
    names: Sequence[str],
) -> Found | None:  # fmt: skip
    """The formula of a network whose pruned edges are zero.

    Args:
        network: with one output.
        points: what enters it, (N, F).
        inputs: the same as expressions of the variables (F,).
        x: the variables (N, V).
        y: what the formula's numbers are fitted to, (N,).
        names: of the variables.
    """
    symbols = [sympy.Symbol(n, real=True) for n in names]
    layers = edges(network, points)
    choices: dict[tuple[int, int, int], list[Suggestion]] = {}
    for level, layer in enumerate(layers):
        for edge in layer:
            if edge.y.std() > 1e-10:
                ranked = suggest(edge.x, edge.y - edge.y.mean(), floor=1e-9)
                choices[level, edge.output, edge.index] = ranked[:_CANDIDATES]

    def built(chosen: dict[tuple[int, int, int], int]) -> Found | None:
        nodes: list[sympy.Expr] = list(inputs)
        for level, layer in enumerate(network.stack):
            above = []
            for o in range(layer.outputs):
                parts = [
                    choices[level, o, i][k].formula.subs(X, nodes[i])
                    for (at, out, i), k in chosen.items()
                    if (at, out) == (level, o)
                ]
                means = sum(float(e.y.mean()) for e in layers[level] if e.output == o)
                constant = float(layer.bias[o].detach()) + means
                above.append(sympy.Add(*parts, sympy.Float(constant)))
            nodes = above
        return _fitted(tidy(nodes[0]), symbols, x, y)

    if len(choices) > _EDGES:
        return None
    now = dict.fromkeys(choices, 0)
    best, left, changed = built(now), _TRIALS, True
    while changed:
        changed = False
        for place, k in ((p, k) for p, ranked in choices.items() for k in range(len(ranked))):
            if left == 0 or (best is not None and best.error < _EXACT):
                return best
            if k == now[place]:
                continue
            left -= 1
            other = built({**now, place: k})
            if other is not None and (best is None or _better(other, best)):
                best, now, changed = other, {**now, place: k}, True
    return best


def _better(one: Found, other: Found) -> bool:
    def score(f: Found) -> float:
        return float(np.log10(f.error + 1e-12)) + 0.05 * f.complexity

    return score(one) < score(other) - 1e-9


def _fitted(
    formula: sympy.Expr, symbols: Sequence[sympy.Symbol], x: Array, y: Array
) -> Found | None:
    spread = float(y.std())

    def misfit(function: Callable[..., Array]) -> Array:
        return np.asarray((function(*x.T) - y) / spread)

    fitted, rest, _ = refitted(formula, symbols, misfit)
    error = float(np.sqrt(np.mean(rest**2)))
    if not np.isfinite(error) or error > 1:
        return None
    neat = tidy(fitted)
    rounded = neat.xreplace({n: _rounded(n) for n in neat.atoms(sympy.Float)})
    call = sympy.lambdify(symbols, rounded, "numpy")
    with np.errstate(all="ignore"):
        left = float(np.sqrt(np.mean(misfit(lambda *z: call(*z) + 0 * z[0]) ** 2)))
    if left <= max(2 * error, 1e-9):
        return Found(rounded, left)
    return Found(fitted, error)


def _rounded(number: sympy.Float) -> sympy.Expr:
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


def _error(network: KAN, table: Tensor, y: Array) -> float:
    with torch.no_grad():
        out = network(table)[:, 0].numpy()
    return float(np.sqrt(np.mean((out - y) ** 2)) / y.std())
