"""The logit of a class as a formula: a sparse sum of simple functions, by logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.symbolic.clock import NEVER, Deadline
from kanpde.symbolic.found import evaluate_formula
from kanpde.symbolic.library import Extent, build_library


@dataclass(frozen=True)
class DecisionPolicy:
    """How many columns and terms a logit may have, and what a term must gain.

    A term counts where twice the log likelihood grows by more than twice the log of the number of
    candidates, as in `noisy_search`. `ridge` keeps logits finite where classes are separable.
    """

    columns: int = 1200
    terms: int = 5
    ridge: float = 1e-3
    rounds: int = 30


def find_logit(
    x: Array,
    chosen: Array,
    symbols: Sequence[sympy.Symbol],
    policy: DecisionPolicy = DecisionPolicy(),
    deadline: Deadline = NEVER,
) -> sympy.Expr:
    """A formula whose sign separates the chosen rows (N,) of truth values of x (N, V).

    1 / (1 + exp(-logit)) is the probability of being chosen. After the deadline no term is added.
    """
    library = build_library(x, symbols, Extent(columns=policy.columns, ordered=True))
    columns = library.columns
    middle, size = columns.mean(1), columns.std(1)
    live = np.flatnonzero(size > 1e-9 * np.abs(columns).max(1))
    unit = (columns[live] - middle[live, None]) / size[live, None]
    target = chosen.astype(float)
    support: list[int] = []
    weights, loss = _fit_logistic(unit[support], target, policy)
    price = 2 * np.log(len(live))
    while len(support) < policy.terms and not deadline.over:
        gains = _measure_gains(unit, support, weights, target, policy)
        wider = [*support, int(np.argmax(gains))]
        more, less = _fit_logistic(unit[wider], target, policy)
        if 2 * (loss - less) < price:
            break
        support, weights, loss = wider, more, less
    rows = live[support]
    slopes = weights[1:] / size[rows]
    constant = float(weights[0] - slopes @ middle[rows])
    terms = [sympy.Float(float(w)) * library.terms[k] for w, k in zip(slopes, rows, strict=True)]
    return sympy.Add(sympy.Float(constant), *terms)


def _fit_logistic(unit: Array, target: Array, policy: DecisionPolicy) -> tuple[Array, float]:
    """Weights of 1 and the unit columns (k, N), and the negative log likelihood.

    By Newton's steps (iteratively reweighted least squares), halved where they overshoot.
    """
    design = np.concatenate([np.ones((1, len(target))), unit]).T
    penalty = policy.ridge * np.r_[0.0, np.ones(len(unit))]
    weights = np.zeros(design.shape[1])

    def measure(w: Array) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0, z) - target * z) + 0.5 * penalty @ w**2)

    now = measure(weights)
    for _ in range(policy.rounds):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        slope = design.T @ (chance - target) + penalty * weights
        curve = (design.T * np.maximum(chance * (1 - chance), 1e-10)) @ design
        step = np.linalg.solve(curve + np.diag(penalty + 1e-10), slope)
        length = 1.0
        while length > 1e-6 and measure(weights - length * step) > now:
            length /= 2
        after = measure(weights - length * step)
        if after > now - 1e-8 * (1 + now):
            break
        weights, now = weights - length * step, after
    return weights, now


def _measure_gains(
    unit: Array, support: Sequence[int], weights: Array, target: Array, policy: DecisionPolicy
) -> Array:
    """What each column would add to the log likelihood, to second order (the score test), (P,)."""
    design = np.concatenate([np.ones((1, len(target))), unit[list(support)]]).T
    chance = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
    spread = np.maximum(chance * (1 - chance), 1e-10)
    score = unit @ (target - chance)
    shared = unit @ (design * spread[:, None])
    inner = (design.T * spread) @ design + 1e-10 * np.eye(design.shape[1])
    room = unit**2 @ spread - np.sum(shared * np.linalg.solve(inner, shared.T).T, 1)
    gains = score**2 / (np.maximum(room, 0) + policy.ridge)
    gains[list(support)] = 0
    return np.asarray(gains)


def decide(formulas: Sequence[sympy.Expr], x: Array, symbols: Sequence[sympy.Symbol]) -> Array:
    """The class at x (N, V), (N,): the second of two where one logit is positive, else the largest.

    Args:
        formulas: one logit for two classes, or one for each of more.
        x: points.
        symbols: of the variables.
    """
    values = np.stack([np.asarray(evaluate_formula(f, x, symbols)) for f in formulas], 1)
    values = np.nan_to_num(values, nan=-np.inf)
    return np.asarray(values[:, 0] > 0 if len(formulas) == 1 else values.argmax(1)).astype(float)
