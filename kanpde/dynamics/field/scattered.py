"""The equation behind samples of a field at scattered points, noise included.

Derivatives of a surface through noisy points are too rough for regression, and integrals over
scattered points have errors of their own. So both are found together:
the surface comes near the samples *and* satisfies the equation (Ramsay et al. 2007 do this for
ODEs, Chen, Liu & Sun 2021 with a network for PDEs). Both are linear in their unknowns given the
other, and least squares takes them at once. The equation is asked for ever more strictly, as
long as cross validation gains. What adding, dropping or exchanging a term of the library would
gain follows from the same Gauss-Newton model, the surface's coefficients eliminated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import Bumps, choose_widths
from kanpde.dynamics.field.checks import check_points
from kanpde.dynamics.field.equation import FieldEquation
from kanpde.dynamics.field.joint_fit import POLICY, JointFit, JointState, Pair
from kanpde.dynamics.field.surface import Surface, smooth_surface
from kanpde.dynamics.field.term import Term
from kanpde.errors import KanpdeError
from kanpde.options import Reporter, ignore
from kanpde.symbolic.subset import Quadratic, backward_path, moves, stepwise


def discover_scattered(
    u: Any,
    x: Any,
    t: Any,
    terms: Sequence[Term],
    *,
    order: int,
    known: Mapping[Term, float],
    report: Reporter | None = None,
) -> FieldEquation:
    """The equation behind samples of a field at scattered points.

    Args:
        u: samples (N,).
        x: their positions (N,).
        t: their times (N,).
        terms: the library, without the known terms.
        order: of the derivative in time: 1 or 2.
        known: terms whose coefficients are known.
        report: is told what is being done.

    Raises:
        KanpdeError: for samples that are not a field, or too few.
    """
    tell = report or ignore
    u, x, t = check_points(u, x, t, order)
    # Everything is scaled to about 1: powers of 1e9 metres and of 1e-9 volts make systems that
    # cannot be solved in double precision.
    units = (float(u.std()), float(np.ptp(x)), float(np.ptp(t)))
    pairs = {term: _find_pair(term) for term in (*terms, *known)}
    sizes = {term: _find_unit(pair, order, *units) for term, pair in pairs.items()}
    scaled = {pairs[term]: value / sizes[term] for term, value in known.items()}
    library = [pairs[term] for term in terms]
    u, x, t = (values / unit for values, unit in zip((u, x, t), units, strict=True))
    tell(f"a surface through {len(u)} scattered samples")
    surface = smooth_surface(x, t, u)
    joint = JointFit.of(surface, u, x, t, library, order, scaled)
    support = _guess_terms(surface, library, order, scaled)
    if not support:
        noise = surface.noise * units[0]
        return FieldEquation(order, (), np.zeros(0), np.zeros((0, 0)), noise, known)
    sigma = max(surface.noise, POLICY.floor * float(u.std()))
    first = JointState.start(surface.coefficients, support, joint)
    now = joint.fit(first, sigma, POLICY.strictness[0])
    best, lowest = now, np.inf
    for strictness in POLICY.strictness:
        tell(f"{len(now.support)} terms, residual within {strictness:g} of u_t")
        now = _improve_terms(joint, now, sigma, strictness)
        sigma = max(now.noise, POLICY.floor * float(u.std()))
        lowest = min(lowest, now.score)
        if now.score > (1 + POLICY.patience) * lowest:
            break
        best = now
    rows = list(best.support)
    covariance = np.asarray(np.linalg.inv(best.gram[np.ix_(rows, rows)]), dtype=float)
    chosen = tuple(terms[k] for k in rows)
    unit = np.array([sizes[term] for term in chosen])
    covariance = covariance * np.outer(unit, unit)
    return FieldEquation(order, chosen, best.c * unit, covariance, best.noise * units[0], known)


def _find_pair(term: Term) -> Pair:
    """The power and the derivative of a term.

    Raises:
        KanpdeError: it is a product with derivatives.
    """
    if term.pair is None:
        raise KanpdeError(
            f"the term {term.name} cannot be used with scattered samples: give derivatives of "
            "powers, such as (u^2)_x"
        )
    return term.pair


def _find_unit(term: Pair, order: int, u: float, x: float, t: float) -> float:
    """The unit of a term's coefficient, from the units of u, x and t."""
    power, derivative = term
    return x**derivative * u ** (1 - power) / t**order


def _improve_terms(joint: JointFit, now: JointState, sigma: float, strictness: float) -> JointState:
    """Changes of the support while the extended Bayesian criterion falls.

    Where the samples are exact, what a strict equation leaves is the surface's own error, which
    more terms would only imitate: Korteweg-de Vries got (u^3)_xxx at 0.0002.
    """
    count = len(joint.terms)
    exact = now.noise < POLICY.floor * float(joint.u.std())
    closed = exact and strictness < POLICY.closed
    cost = np.full(count, np.log(len(joint.u)) + 2 * np.log(count))

    def settle(state: JointState) -> JointState:
        """The fit, without terms by which short waves grow."""
        state = joint.fit(state, sigma, strictness)
        while growing := joint.find_growing(state):
            kept = [k for k in state.support if k not in growing]
            if not kept:
                break
            state = joint.fit(JointState.start(state.a, kept, joint), sigma, strictness)
        return state

    now = settle(now)

    def try_terms(support: Sequence[int], weights: Array) -> JointState | None:
        """The refit with other terms, if it is better."""
        other = settle(replace(now, support=tuple(support), c=weights))
        more = len(other.support) - len(now.support)
        if closed and more > 0:
            return None
        change = other.objective - now.objective + cost[0] * more
        # Equations that let noise grow (u_t = u_xxxx) are followed by surfaces that bend to every
        # sample: their misfit is small, and cross validation says why.
        if not exact:
            change += len(joint.u) * float(np.log(other.score / now.score))
        return other if change < -0.1 else None

    for _ in range(POLICY.changes):
        c = np.zeros(count)
        c[list(now.support)] = now.c
        model = Quadratic(now.gram, now.gradient, c)
        ranked = [s for gain, s in moves(model, now.support, cost, keep=3) if gain > 0.5]
        better = (try_terms(s, model.fitted(s)) for s in ranked)
        following = next((state for state in better if state is not None), None)
        if following is None:
            break
        now = following
    return now


def _guess_terms(
    surface: Surface, terms: Sequence[Pair], order: int, known: Mapping[Pair, float]
) -> list[int]:
    """Terms by regression in weak form on the surface; rather too many than too few."""
    sx, st = surface.basis.x, surface.basis.t
    x, t = np.linspace(sx.low, sx.high, POLICY.grid), np.linspace(st.low, st.high, POLICY.grid)
    px, pt = np.meshgrid(x, t)
    u = surface(px.ravel(), pt.ravel()).reshape(px.shape)
    highest = max(j for _, j in (*terms, *known))
    bumps = Bumps.on_grid((t, x), choose_widths(u, (t, x)), highest)
    rows = np.stack([bumps.integral(u**m, (j,)) for m, j in terms], 1)
    right = bumps.integral(u, (0,), order)
    for (m, j), factor in known.items():
        right = right - factor * bumps.integral(u**m, (j,))
    gram, moment = rows.T @ rows, rows.T @ right
    model = Quadratic(gram, -moment, np.zeros(len(terms)))
    every = list(range(len(terms)))
    least = float(np.sum((rows @ model.fitted(every) - right) ** 2))
    scale = (least + 1e-12 * float(right @ right)) / len(right)
    cost = np.full(len(terms), np.log(len(right)) + 2 * np.log(len(terms)))
    _, support = min(backward_path(model), key=lambda s: s[0] / scale + cost[s[1]].sum())
    return stepwise(gram / scale, moment / scale, support, cost)
