"""Variables that only multiply: y = x^a times a function of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.symbolic.trees.links import Rows


@dataclass(frozen=True)
class PeelPolicy:
    """When a variable counts as a pure factor.

    log |y| is a polynomial of the logarithms; a variable is a factor where its terms beyond the
    linear one gain no more than chance gives (the F statistic, which is 1 with a standard
    deviation of the root of 2 over their number), up to `gain` standard deviations.
    """

    gain: float = 3.0
    # How far from a multiple of 1/2 an exponent may be, in standard errors and at most.
    errors: float = 4.0
    farthest: float = 0.2
    degree: int = 4
    # Samples for each coefficient.
    samples: float = 4.0
    # The smallest |y|, where logarithms are extreme, are left out.
    left_out: float = 0.1
    rounds: int = 3


@dataclass(frozen=True)
class Peeled:
    """Rows without some variables, and what their y was divided by."""

    rows: Rows
    factor: sympy.Expr


def peel(rows: Rows, policy: PeelPolicy = PeelPolicy()) -> Peeled:
    """The rows without the variables that only multiply."""
    factor: sympy.Expr = sympy.Integer(1)
    for _ in range(policy.rounds):
        exponents = _find_factors(rows, policy)
        if not exponents or len(exponents) == len(rows.symbols):
            break
        kept = [k for k in range(len(rows.symbols)) if k not in exponents]
        size = np.ones(len(rows.y))
        for k, power in exponents.items():
            size *= rows.x[:, k] ** power
            factor *= rows.symbols[k] ** sympy.Rational(round(2 * power), 2)
        symbols = tuple(rows.symbols[k] for k in kept)
        rows = Rows(rows.x[:, kept], rows.y / size, symbols, rows.weight * size)
    return Peeled(rows, factor)


def _find_factors(rows: Rows, policy: PeelPolicy) -> dict[int, float]:
    """Exponents of the variables that only multiply, by their places."""
    large = np.abs(rows.y) > np.quantile(np.abs(rows.y), policy.left_out)
    positive = [k for k in range(rows.x.shape[1]) if (rows.x[:, k] > 0).all()]
    if not positive or rows.x.shape[1] < 2:
        return {}
    logs = np.where(rows.x > 0, np.log(np.maximum(rows.x, 1e-300)), rows.x)
    z = (logs - logs.mean(0)) / logs.std(0)
    count = z.shape[1]
    degree = policy.degree
    while degree > 2 and comb(count + degree, degree) * policy.samples > large.sum():
        degree -= 1
    if comb(count + degree, degree) * 2 > large.sum():
        return {}
    terms = list(_powers(count, degree))
    design = np.stack([np.prod(z[:, list(t)], 1) for t in terms], 1)[large]
    target = np.log(np.abs(rows.y[large]))
    full, _ = _fit(design, target)
    noise = full / (len(target) - len(terms))
    out = {}
    for k in positive:
        kept = [j for j, t in enumerate(terms) if k not in t or t == (k,)]
        less, (values, errors) = _fit(design[:, kept], target)
        gain = (less - full) / (len(terms) - len(kept)) / max(noise, 1e-300)
        place = kept.index(terms.index((k,)))
        power = float(values[place] / logs[:, k].std())
        near = round(2 * power) / 2
        error = float(errors[place] / logs[:, k].std())
        limit = min(policy.errors * error + 1e-9, policy.farthest)
        most = 1 + policy.gain * (2 / (len(terms) - len(kept))) ** 0.5
        if gain < most and abs(power - near) < limit:
            out[k] = near
    return out


def _powers(count: int, degree: int) -> Iterator[tuple[int, ...]]:
    for total in range(degree + 1):
        yield from combinations_with_replacement(range(count), total)


def _fit(design: Array, target: Array) -> tuple[float, tuple[Array, Array]]:
    """The sum of squares that is left; coefficients and their standard errors."""
    q, r = np.linalg.qr(design)
    inverse = np.linalg.pinv(r)
    values = inverse @ (q.T @ target)
    rest = target - design @ values
    total = float(rest @ rest)
    spread = total / max(len(target) - design.shape[1], 1)
    return total, (values, np.sqrt(spread * np.sum(inverse**2, 1)))
