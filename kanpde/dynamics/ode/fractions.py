"""Fractions such as x/(K + x) and K^p/(K^p + x^p) as terms, and the regression that looks for them.

SINDy-PI (Kaheman, Kutz & Brunton 2020) looks for x' D(x) = N(x) among all monomials, for a sparse
null vector that noise hides. Here each equation is a sum of monomials and of fractions of one
denominator, as rates of enzymes, genes and predators are. Which x, p and K is scanned in integral
form, where the rest is linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
from scipy.optimize import minimize_scalar

from kanpde.arrays import Array
from kanpde.dynamics.ode.integrals import IntegralForm
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.policy import FractionPolicy
from kanpde.symbolic.subset import search_beam


@dataclass(frozen=True)
class Denominator:
    """K^p + x^p, of the variable in place `variable`; `constant` is K."""

    variable: int
    power: int
    constant: float

    def values(self, points: Array) -> Array:
        """At points (M, V), relative to K^p, (M,)."""
        return np.asarray(1 + (points[:, self.variable] / self.constant) ** self.power)


def list_fractions(
    denominator: Denominator, variables: Sequence[str], symbol: sympy.Symbol
) -> list[sympy.Expr]:
    """x^p, K^p and K x (for p = 2) over K^p + x^p, and these times each other variable.

    Of equal sums the first is taken, so that 1 - K/(K + x) is x/(K + x); `symbol` is K.
    """
    p = denominator.power
    symbols = [sympy.Symbol(name, real=True) for name in variables]
    x = symbols[denominator.variable]
    below = symbol**p + x**p
    own = [x**p, symbol**p, *([symbol * x] if p == 2 else [])]
    others = [s for s in symbols if s != x]
    return [y * above / below for y in [sympy.Integer(1), *others] for above in own]


def evaluate_fractions(
    denominator: Denominator, points: Array, places: Sequence[int] | None = None
) -> Array:
    """The values (Q, M) of `list_fractions`, or of some of these, at points (M, V)."""
    p = denominator.power
    scaled = points[:, denominator.variable] / denominator.constant
    below = 1 / denominator.values(points)
    own = [scaled**p * below, below, *([scaled * below] if p == 2 else [])]
    others = [k for k in range(points.shape[1]) if k != denominator.variable]
    out = []
    for place in range(len(own) * points.shape[1]) if places is None else places:
        factor, part = divmod(place, len(own))
        out.append(own[part] if factor == 0 else points[:, others[factor - 1]] * own[part])
    return np.stack(out)


@dataclass(frozen=True)
class Proposal:
    """A right-hand side of one state: terms of the library, and fractions by their places.

    `weights` are first coefficients, of the library's terms first; `score` is the criterion in
    integral form. Without a denominator there are no fractions.
    """

    state: int
    plain: tuple[int, ...]
    denominator: Denominator | None
    fractions: tuple[int, ...]
    weights: Array
    score: float


@dataclass(frozen=True)
class Scan:
    """The integral form of one state with a library.

    `columns` (N, P) are the integrals of its terms, `prices` (P,) what each must gain,
    `fraction_price` what a fraction must, and `constant_price` its K; `right` (N,) are the samples.
    """

    form: IntegralForm
    state: int
    columns: Array
    right: Array
    prices: Array
    fraction_price: float
    constant_price: float
    policy: FractionPolicy

    def score(self, part: Array, price: float) -> tuple[float, Array]:
        """The criterion of columns (N, k), and their weights."""
        size = np.linalg.norm(part, axis=0)
        size = np.where(size > 0, size, 1.0)
        weights = np.linalg.lstsq(part / size, self.right, rcond=None)[0] / size
        rest, count = self.right - part @ weights, len(self.right)
        floor = self.policy.floor * float(self.right @ self.right)
        return count * float(np.log((rest @ rest + floor) / count)) + price, weights

    def judge_terms(self, rates: Array, price: float) -> float:
        """The criterion of given terms, by their values (P, M)."""
        return self.score(self.form.integrate(rates, self.state), price)[0]

    def propose_plain(self) -> Proposal:
        """The best terms of the library alone."""
        found = self._search(self.columns, self.prices, 0)
        support, score, weights = min(found, key=lambda each: each[1])
        return Proposal(self.state, tuple(support), None, (), weights, score)

    def propose(self, limit: float = np.inf) -> list[Proposal]:
        """The best fractions of each variable and of its best powers; the best first.

        Where the criterion is above a limit for every K on a grid, K is not refined.
        """
        found: list[Proposal] = []
        for variable in range(self.form.points.shape[1]):
            found += self._climb(variable, limit)
        return sorted(found, key=lambda each: each.score)

    def _climb(self, variable: int, limit: float) -> list[Proposal]:
        """Fractions of one variable: of some powers, then of the neighbours of the best."""
        tried = {p: self._try_power(variable, p, limit) for p in self.policy.powers}
        while True:
            known = {p: each for p, each in tried.items() if each is not None}
            if not known:
                return []
            best = min(known, key=lambda p: known[p].score)
            near = [p for p in (best - 1, best + 1) if 0 < p <= self.policy.highest]
            new = [p for p in near if p not in tried]
            if not new:
                return [known[p] for p in _find_minima({p: k.score for p, k in known.items()})]
            tried |= {p: self._try_power(variable, p, limit) for p in new}

    def _try_power(self, variable: int, power: int, limit: float) -> Proposal | None:
        """The best sum for one power, its K refined."""
        x = self.form.points[:, variable]
        size = float(np.abs(x).max())
        if size == 0 or np.ptp(x) == 0:
            return None
        places = size * np.exp(self._list_logs(power))
        denominators = [Denominator(variable, power, float(place)) for place in places]
        usable = [d for d in denominators if self._is_positive(d)]
        if not usable:
            return None
        best: dict[int, Proposal] = {}
        for below in usable:
            _keep_best(best, self._try(below))
        first = min(best.values(), key=lambda each: each.score)
        if first.score > limit:
            return first
        sharp = sorted((self._sharpen(each) for each in best.values()), key=lambda e: e.score)
        return min((self._shrink(each) for each in sharp[:3]), key=lambda each: each.score)

    def _shrink(self, found: Proposal) -> Proposal:
        """The best of a sum and of what is left when the least needed terms go, one by one.

        Where K is wrong by 5 %, other sums of three terms are better than the right one: Hill's
        equation with 1 % of noise. The right one is part of the best sum of four.
        """
        best, count = found, self.columns.shape[1]
        while len(found.weights) > 1:
            assert found.denominator is not None
            support = [*found.plain, *(count + k for k in found.fractions)]
            table = np.concatenate([self.columns, self._integrate(found.denominator)], 1)
            losses = []
            for k in range(len(support)):
                rest = support[:k] + support[k + 1 :]
                if max(rest) >= count:
                    price = float(self.prices[[j for j in rest if j < count]].sum())
                    price += self.fraction_price * sum(j >= count for j in rest)
                    losses.append((rest, *self.score(table[:, rest], price)))
            if not losses:
                break
            least = min(losses, key=lambda each: each[1])
            found = self._sharpen(self._build(found.denominator, *least))
            best = min(best, found, key=lambda each: each.score)
        return best

    def _list_logs(self, power: int) -> Array:
        """Logarithms of K in units of the largest |x|: nearer to 1 for higher powers."""
        first, last = np.log(self.policy.least), np.log(self.policy.greatest)
        return np.asarray(np.linspace(first, last, self.policy.places) / np.sqrt(power))

    def _is_positive(self, below: Denominator) -> bool:
        return bool(below.values(self.form.points).min() > self.policy.positive)

    def _integrate(self, below: Denominator, places: Sequence[int] | None = None) -> Array:
        rates = evaluate_fractions(below, self.form.points, places)
        return self.form.integrate(rates, self.state)

    def _try(self, below: Denominator) -> list[Proposal]:
        """The best sum of each size with a fraction of this denominator."""
        fractions = self._integrate(below)
        table = np.concatenate([self.columns, fractions], 1)
        price = np.concatenate([self.prices, np.full(fractions.shape[1], self.fraction_price)])
        found = self._search(table, price, self.columns.shape[1])
        return [self._build(below, *each) for each in found]

    def _build(
        self, below: Denominator, support: Sequence[int], score: float, weights: Array
    ) -> Proposal:
        count = self.columns.shape[1]
        plain, fractions = [k for k in support if k < count], [k for k in support if k >= count]
        return Proposal(
            self.state, tuple(plain), below, tuple(k - count for k in fractions), weights,
            score + self.constant_price,
        )  # fmt: skip

    def _search(
        self, table: Array, price: Array, first: int
    ) -> list[tuple[list[int], float, Array]]:
        """For each size the best set of columns, of which one has a place from `first` on."""
        best: dict[int, tuple[list[int], float, Array]] = {}
        firsts = range(first, table.shape[1])
        policy = self.policy
        for support in search_beam(table, self.right, firsts, policy.terms, policy.beam):
            score, weights = self.score(table[:, support], float(price[support].sum()))
            if len(support) not in best or score < best[len(support)][1]:
                best[len(support)] = support, score, weights
        return list(best.values())

    def _sharpen(self, found: Proposal) -> Proposal:
        """The same terms with the K that fits best."""
        below = found.denominator
        assert below is not None
        plain, fractions = self.columns[:, list(found.plain)], list(found.fractions)

        def build(log: float) -> tuple[Denominator, Array]:
            other = replace(below, constant=float(np.exp(log)))
            return other, np.concatenate([plain, self._integrate(other, fractions)], 1)

        def measure(log: float) -> float:
            other, table = build(log)
            return self.score(table, 0.0)[0] if self._is_positive(other) else 1e300

        middle = float(np.log(below.constant))
        step = float(np.diff(self._list_logs(below.power)[:2])[0])
        near = minimize_scalar(
            measure, bounds=(middle - step, middle + step), method="bounded",
            options={"xatol": self.policy.precision, "maxiter": 20},
        )  # fmt: skip
        change = float(near.fun) - measure(middle)
        if change >= 0:
            return found
        sharp, table = build(float(near.x))
        weights = self.score(table, 0.0)[1]
        return replace(found, denominator=sharp, weights=weights, score=found.score + change)


def _find_minima(scores: Mapping[int, float]) -> list[int]:
    """The powers whose neighbours among those that were tried are worse."""
    powers = sorted(scores)
    out = []
    for k, power in enumerate(powers):
        near = [scores[p] for p in powers[max(0, k - 1) : k + 2]]
        if scores[power] <= min(near):
            out.append(power)
    return out


def _keep_best(best: dict[int, Proposal], found: Sequence[Proposal]) -> None:
    """The better one of each number of terms."""
    for each in found:
        size = len(each.weights)
        if size not in best or each.score < best[size].score:
            best[size] = each


def build_scan(
    form: IntegralForm,
    state: int,
    library: Library,
    prices: Array,
    fraction_price: float,
    constant_price: float,
    policy: FractionPolicy,
) -> Scan:
    """The scan of a state in a library (of P terms) whose terms must gain `prices` (P,)."""
    with np.errstate(all="ignore"):
        rates = library.values(form.points)
    rates = np.where(np.isfinite(rates).all(axis=1, keepdims=True), rates, 0)
    columns = form.integrate(rates, state)
    return Scan(
        form, state, columns, form.moves(state), prices, fraction_price, constant_price, policy
    )
