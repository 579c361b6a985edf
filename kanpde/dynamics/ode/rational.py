"""Equations with fractions, where these explain trajectories better than the library alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.ode.fractional import Fractional
from kanpde.dynamics.ode.fractions import (
    Denominator,
    Proposal,
    Scan,
    build_scan,
    list_fractions,
)
from kanpde.dynamics.ode.integrals import IntegralForm, build_integral_form
from kanpde.dynamics.ode.judge import judge_fit
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.policy import FractionPolicy, SearchPolicy, ShootingPolicy
from kanpde.dynamics.ode.segments import Segments, cut
from kanpde.dynamics.ode.selection import Selection, is_exact, price_terms
from kanpde.dynamics.ode.shooting import Fit, estimate_covariance, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun

# Constants of the same variable and power nearer than this are one.
_SAME = 1.25


@dataclass(frozen=True)
class _Law:
    """Terms (state, expression) with their coefficients, and constants with their values."""

    terms: tuple[tuple[int, sympy.Expr], ...]
    weights: Array
    denominators: dict[sympy.Symbol, Denominator]

    def drop(self, place: int) -> _Law:
        """Without a term, and without the constants that no term has any more."""
        terms = tuple(each for k, each in enumerate(self.terms) if k != place)
        used = set().union(*(term.free_symbols for _, term in terms))
        kept = {s: d for s, d in self.denominators.items() if s in used}
        return _Law(terms, np.delete(self.weights, place), kept)


@dataclass(frozen=True)
class _Shot:
    law: _Law
    fit: Fit
    criterion: float


@dataclass(frozen=True)
class _Search:
    """What fractions are looked for in; `prices` (P,) are what each plain term must gain."""

    data: Trajectories
    smoothed: Sequence[SmoothRun]
    plain: Library
    prices: Array
    base: Selection
    base_prices: Array
    policy: FractionPolicy

    @property
    def constant_price(self) -> float:
        """What a constant must gain."""
        return float(np.log(sum(int(np.isfinite(r.states).sum()) for r in self.data.runs)))

    @property
    def fraction_price(self) -> float:
        """What a fraction must gain: all that were tried are counted, as those of a library."""
        tried = 3 * len(self.plain.variables) ** 2 * len(self.policy.powers)
        share = 1 + tried / len(self.plain)
        return float(self.prices.min() + 2 * np.log(share) + self.policy.price)

    def shoot(self, law: _Law, segments: Segments, before: Fit) -> _Shot | None:
        """The fit of a law, with its criterion."""
        constants = tuple(law.denominators)
        rhs = Fractional(self.data.states, self.data.inputs, law.terms, constants)
        logs = [np.log(d.constant) for d in law.denominators.values()]
        c = np.concatenate([law.weights, logs])
        policy = ShootingPolicy(effort=self.policy.effort)
        fit = shoot(rhs, segments, c, self.data.scale, before=before, policy=policy)
        if fit is None or not np.isfinite(fit.deviance):
            return None
        known = dict(zip(self.plain.terms, self.prices, strict=True))
        price = sum(float(known.get(term, self.fraction_price)) for _, term in law.terms)
        price += self.constant_price * len(constants)
        values = rhs.read_constants(fit.c)
        found = {s: replace(d, constant=values[s]) for s, d in law.denominators.items()}
        law = replace(law, weights=fit.c[: len(law.terms)], denominators=found)
        return _Shot(law, fit, fit.deviance + price)

    def _shoot_in_steps(self, law: _Law, segments: Segments, before: Fit) -> _Shot | None:
        """A law that diverges in long segments, fitted to short ones before."""
        short = cut(self.smoothed, self.policy.intervals)
        if short.samples >= segments.samples:
            return None
        first = self.shoot(law, short, before)
        return None if first is None else self.shoot(first.law, segments, first.fit)

    def list_scans(self, fit: Fit, doubtful: Sequence[int]) -> dict[int, Scan]:
        """The scans of some states along the curves of a fit, or the smooth ones."""
        within = judge_fit(fit, self.data.states).agreement is not Agreement.OUTSIDE
        form = build_integral_form(self.smoothed, fit if within else None)
        return {
            state: build_scan(
                form, state, self.plain, self.prices, self.fraction_price, self.constant_price,
                self.policy,
            )
            for state in doubtful
        }  # fmt: skip

    def judge_base(self, form: IntegralForm, scan: Scan) -> float:
        """The criterion in integral form of the terms of the library for a state."""
        model = self.base.model
        own = [j for i, j in model.pairs if i == scan.state]
        with np.errstate(all="ignore"):
            rates = model.library.subset(own).values(form.points)
        price = float(self.base_prices[own].sum())
        return scan.judge_terms(np.where(np.isfinite(rates), rates, 0), price)

    def propose(self, fit: Fit, doubtful: Sequence[int]) -> dict[int, list[Proposal]]:
        """For each doubtful state what it may be, the best first; empty if no fraction pays."""
        found: dict[int, list[Proposal]] = {}
        paying = False
        for state, scan in self.list_scans(fit, doubtful).items():
            plain, base = scan.propose_plain(), self.judge_base(scan.form, scan)
            limit = base + self.policy.refined * len(scan.right)
            ranked = sorted([*scan.propose(limit), plain], key=lambda each: each.score)
            found[state] = [p for p in ranked if p.score < ranked[0].score + self.policy.near]
            if ranked[0].denominator is not None and ranked[0].score < base + self.policy.margin:
                paying = True
        return found if paying else {}

    def build_law(self, proposals: dict[int, Proposal]) -> _Law:
        """Proposals for some states, and the terms of the library for the others."""
        model = self.base.model
        terms: list[tuple[int, sympy.Expr]] = []
        weights: list[float] = []
        for (i, j), value in zip(model.pairs, self.base.fit.c, strict=True):
            if i not in proposals:
                terms.append((i, model.library.terms[j]))
                weights.append(float(value))
        denominators: dict[sympy.Symbol, Denominator] = {}
        for state, proposal in proposals.items():
            symbol = _find_symbol(proposal.denominator, denominators)
            for term, value in self._list_terms(proposal, symbol):
                terms.append((state, term))
                weights.append(value)
        used = set().union(*(term.free_symbols for _, term in terms))
        denominators = {s: d for s, d in denominators.items() if s in used}
        return _Law(tuple(terms), np.array(weights), denominators)

    def _list_terms(
        self, proposal: Proposal, symbol: sympy.Symbol | None
    ) -> list[tuple[sympy.Expr, float]]:
        """Terms and coefficients; 1 - K/(K + x) is written as x/(K + x)."""
        terms = [self.plain.terms[k] for k in proposal.plain]
        if proposal.denominator is None or symbol is None:
            return list(zip(terms, map(float, proposal.weights), strict=True))
        every = list_fractions(proposal.denominator, self.plain.variables, symbol)
        terms += [every[k] for k in proposal.fractions]
        sums = dict(zip(terms, map(float, proposal.weights), strict=True))
        group = 3 if proposal.denominator.power == 2 else 2
        for first in range(0, len(every), group):
            rising, falling = every[first], every[first + 1]
            whole = sympy.cancel(rising + falling)
            if falling in sums and (whole in sums or rising in sums):
                value = sums.pop(falling)
                sums[whole] = sums.get(whole, 0.0) + value
                sums[rising] = sums.get(rising, 0.0) - value
        return list(sums.items())

    def improve(self, fit: Fit, doubtful: Sequence[int], best: _Shot | None) -> _Shot | None:
        """The best law after one scan along the curves of a fit."""
        proposals = self.propose(fit, doubtful)
        if not proposals:
            return best
        segments = self.base.fit.segments
        first = {state: each[0] for state, each in proposals.items()}
        tried = [first]
        others = [(s, p) for s, each in proposals.items() for p in each[1:]]
        others.sort(key=lambda pair: pair[1].score - first[pair[0]].score)
        tried += [first | {state: p} for state, p in others[: self.policy.seconds]]
        for each in tried:
            law = self.build_law(each)
            if best is not None and {*law.terms} == {*best.law.terms}:
                continue
            other = self.shoot(law, segments, fit) or self._shoot_in_steps(law, segments, fit)
            if other is not None and (best is None or other.criterion < best.criterion - 0.1):
                best = other
        return best

    def simplify(self, best: _Shot) -> _Shot:
        """Without the terms that the criterion is better without."""
        while len(best.law.terms) > 1:
            # Of exact data every term is sure, also where the others could do without it.
            noisy = np.any(best.fit.noise > self.policy.exact * self.data.scale)
            errors = np.sqrt(np.maximum(np.diagonal(estimate_covariance(best.fit)), 1e-300))
            worth = np.abs(best.fit.c / errors)[: len(best.law.terms)]
            better = None
            for place in np.argsort(worth)[:2]:
                if noisy and worth[place] ** 2 > 3 * self.fraction_price:
                    break
                other = self.shoot(best.law.drop(int(place)), best.fit.segments, best.fit)
                if other is not None and other.criterion < best.criterion:
                    better = other
                    break
            if better is None:
                break
            best = better
        return best

    def lengthen(self, best: _Shot) -> _Shot:
        """In one segment for each run, if the fit follows the data there."""
        longest = max(len(each.run) for each in self.smoothed) - 1
        policy = SearchPolicy()
        steps = longest * best.fit.system.grid.substeps
        if best.fit.segments.samples - 1 >= longest or steps > policy.longest:
            return best
        if best.fit.growth > policy.chaotic_growth or is_exact(best.fit):
            return best
        longer = self.shoot(best.law, cut(self.smoothed, longest), best.fit)
        limit = 1.5 * best.fit.noise + 1e-6 * self.data.scale
        return best if longer is None or np.any(longer.fit.noise > limit) else longer


def _find_symbol(
    below: Denominator | None, known: dict[sympy.Symbol, Denominator]
) -> sympy.Symbol | None:
    """The symbol of a denominator's constant, which is added unless it is there."""
    if below is None:
        return None
    for symbol, other in known.items():
        same = (other.variable, other.power) == (below.variable, below.power)
        if same and 1 / _SAME < other.constant / below.constant < _SAME:
            return symbol
    symbol = sympy.Symbol(f"K__{len(known)}", positive=True)
    known[symbol] = below
    return symbol


def add_fractions(
    selection: Selection,
    data: Trajectories,
    smoothed: Sequence[SmoothRun],
    library: Library,
    policy: FractionPolicy | None = None,
) -> Selection | None:
    """Fractions instead of the terms of those states that they explain better.

    Args:
        selection: the best terms of the library.
        data: the trajectories.
        smoothed: the same, smoothed.
        library: the terms.
        policy: which fractions are tried.

    Returns:
        A better fit within noise, whose right-hand side is a `Fractional`; None where there is not
        one.
    """
    policy = policy or FractionPolicy()
    outside = judge_fit(selection.fit, data.states).agreement is Agreement.OUTSIDE
    doubtful = _list_doubtful(selection, outside, policy)
    if not doubtful or is_exact(selection.fit):
        return None
    prices = price_terms(data, library, SearchPolicy().function_price)
    simple = [k for k, term in enumerate(library.terms) if _is_simple(term, policy.degree)]
    search = _Search(
        data, smoothed, library.subset(simple), prices[simple], selection, prices, policy
    )
    best: _Shot | None = None
    fit = selection.fit
    for _ in range(policy.rounds):
        better = search.improve(fit, doubtful, best)
        if better is None or better is best:
            break
        if better.criterion > selection.criterion + policy.near:
            break
        best = search.simplify(better)
        fit = best.fit
        if is_exact(fit):
            break
    if best is None or not best.law.denominators:
        return None
    if not best.criterion < selection.criterion - 0.1:
        return None
    best = search.lengthen(best)
    if judge_fit(best.fit, data.states).agreement is Agreement.OUTSIDE:
        return None
    return Selection(best.fit, best.criterion)


def _list_doubtful(selection: Selection, outside: bool, policy: FractionPolicy) -> list[int]:
    """The states whose equations may be the series of fractions."""
    model, out = selection.model, []
    for state in range(model.states):
        terms = [model.library.terms[j] for i, j in model.pairs if i == state]
        curved = any(len(t.free_symbols) == 1 and not t.is_symbol for t in terms)
        short = policy.doubtful - 1
        if len(terms) >= policy.doubtful or (
            len(terms) >= short and (outside or (curved and sympy.Integer(1) in terms))
        ):
            out.append(state)
    return out


def _is_simple(term: sympy.Expr, degree: int) -> bool:
    """Whether a term stands beside fractions: a low monomial, or one that the user has given."""
    if term.is_polynomial():
        return bool(sympy.total_degree(term) <= degree)
    return not (isinstance(term, sympy.sin | sympy.cos) and term.args[0].is_symbol)
