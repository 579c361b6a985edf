"""The equation behind samples of a field at scattered points, noise included.

Derivatives of a surface through noisy points are too rough for regression, and integrals over
scattered points have errors of their own. So the surface and the equation are found together:
the surface comes near the samples *and* satisfies the equation (Ramsay et al. 2007 do this for
ODEs, Chen, Liu & Sun 2021 with a network for PDEs). Both are linear in their unknowns given the
other, and least squares takes them at once. The equation is asked for ever more strictly, as
long as cross validation gains. What adding, dropping or exchanging a term of the library would
gain follows from the same Gauss-Newton model, the surface's coefficients eliminated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb, factorial
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import Windows, widths
from kanpde.dynamics.field.equation import FieldEquation, Term
from kanpde.dynamics.field.surface import DEGREE, Banded, Surface, Tensor, smooth_surface
from kanpde.errors import KanpdeError
from kanpde.symbolic.subset import Quadratic, backward_path, moves, stepwise

# How large the equation's residual may be beside u_t, from loose to strict.
_STRICTNESS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# From here on exact samples are given no more terms.
_CLOSED = 0.03
# The share of the first surface's roughness penalty that stays, at strictness 1: for what neither
# samples nor averages over cells see.
_SMOOTHING = 0.1
_GRID = 96
# What the score of cross validation may rise while the equation is asked for more strictly.
_PATIENCE = 0.01
_STEPS = 12
_CHANGES = 12
_PROBES = 6
# Relative to the deviation of u: what the surface itself may be off, also where samples are exact.
_FLOOR = 1e-3


def discover_scattered(
    u: Any,
    x: Any,
    t: Any,
    terms: Sequence[Term],
    *,
    order: int,
    known: Mapping[Term, float],
    report: Callable[[str], None] | None = None,
) -> FieldEquation:
    """The equation behind samples u (N,) at (x, t), from a library of `terms`.

    Raises:
        KanpdeError: for samples that are no field, or too few.
    """
    tell = report or (lambda _: None)
    u, x, t = checked_points(u, x, t, order)
    # In units of their own: 1e9 metres and 1e-9 volts make powers that nothing can be solved with.
    units = (float(u.std()), float(np.ptp(x)), float(np.ptp(t)))
    sizes = {term: _unit(term, order, *units) for term in (*terms, *known)}
    given, known = known, {term: value / sizes[term] for term, value in known.items()}
    u, x, t = (values / unit for values, unit in zip((u, x, t), units, strict=True))
    tell(f"a surface through {len(u)} scattered samples")
    surface = smooth_surface(x, t, u)
    joint = _Joint.of(surface, u, x, t, terms, order, known)
    support = _first_guess(surface, terms, order, known)
    if not support:
        noise = surface.noise * units[0]
        return FieldEquation(order, (), np.zeros(0), np.zeros((0, 0)), noise, given)
    sigma = max(surface.noise, _FLOOR * float(u.std()))
    now = joint.fit(_State.start(surface.coefficients, support, joint), sigma, _STRICTNESS[0])
    best, lowest = now, np.inf
    for strictness in _STRICTNESS:
        tell(f"{len(now.support)} terms, residual within {strictness:g} of u_t")
        now = _chosen(joint, now, sigma, strictness)
        sigma = max(now.noise, _FLOOR * float(u.std()))
        lowest = min(lowest, now.score)
        if now.score > (1 + _PATIENCE) * lowest:
            break
        best = now
    rows = list(best.support)
    covariance = np.asarray(np.linalg.inv(best.gram[np.ix_(rows, rows)]), dtype=float)
    chosen = tuple(terms[k] for k in rows)
    unit = np.array([sizes[term] for term in chosen])
    covariance = covariance * np.outer(unit, unit)
    return FieldEquation(order, chosen, best.c * unit, covariance, best.noise * units[0], given)


def _unit(term: Term, order: int, u: float, x: float, t: float) -> float:
    """What the coefficient of a term is one of, in units of u, x and t."""
    power, derivative = term
    return x**derivative * u ** (1 - power) / t**order


@dataclass(frozen=True)
class _State:
    """Coefficients of the surface (n,) and of the chosen terms (p,).

    `gram` (P, P) and `gradient` (P,) are the Gauss-Newton model over the whole library;
    `objective` what was minimised, `score` the cross validation of the samples.
    """

    a: Array
    support: tuple[int, ...]
    c: Array
    gram: Array
    gradient: Array
    objective: float
    noise: float
    score: float

    @staticmethod
    def start(a: Array, support: Sequence[int], joint: _Joint) -> _State:
        """The surface as it is, the terms by least squares of its residual."""
        columns = joint.columns(a)[:, support]
        right = joint.residual(a, (), np.zeros(0))
        c = np.asarray(np.linalg.lstsq(columns, right, rcond=None)[0], dtype=float)
        empty = np.zeros(0)
        return _State(a, tuple(support), c, empty, empty, np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class _Joint:
    """(samples - surface) / sigma and the equation's residual, as one least-squares problem.

    The residual is averaged over each of the C cells between the knots, which is what it has to
    be zero in: at points, third derivatives of quintic splines were off by 5 % of u_t.
    `along[j]` and `left` are d^j/dx^j and d^order/dt^order of the surface's functions at the
    cells' Gauss points (Q, n), `weights` those of one cell; `scale` is the rms of u_t.
    """

    basis: Tensor
    design: csr_matrix
    gram: csr_matrix
    penalty: csr_matrix
    u: Array
    along: tuple[csr_matrix, ...]
    left: csr_matrix
    weights: Array
    terms: tuple[Term, ...]
    known: Mapping[Term, float]
    scale: float

    @staticmethod
    def of(
        surface: Surface, u: Array, x: Array, t: Array, terms: Sequence[Term], order: int,
        known: Mapping[Term, float],
    ) -> _Joint:  # fmt: skip
        basis = surface.basis
        design = basis.design(x, t)
        px, pt, weights = _cells(basis)
        highest = max(j for _, j in (*terms, *known))
        along = tuple(basis.design(px, pt, (j, 0)) for j in range(highest + 1))
        left = basis.design(px, pt, (0, order))
        rates = (left @ surface.coefficients).reshape(-1, len(weights)) @ weights
        scale = float(np.sqrt(np.mean(rates**2)))
        gram = csr_matrix(design.T @ design)
        return _Joint(
            basis,
            design,
            gram,
            surface.penalty,
            u,
            along,
            left,
            weights,
            tuple(terms),
            known,
            scale,
        )

    def _jets(self, a: Array) -> list[Array]:
        """u, u_x, ... at the Gauss points, (Q,)."""
        return [d @ a for d in self.along]

    def columns(self, a: Array) -> Array:
        """Every term of the library in the cells, (C, P)."""
        jets = self._jets(a)
        return np.stack([self._averaged(_power(jets, m, j)) for m, j in self.terms], 1)

    def _averaged(self, values: Array) -> Array:
        return np.asarray(values.reshape(-1, len(self.weights)) @ self.weights)

    def growing(self, state: _State) -> list[int]:
        """The terms of highest even order, where short waves grow by them at some u; else none.

        Such an equation is ill-posed (Hadamard): its surfaces bend to every sample, and
        u_t = ... + 1e-7 u_xxxx was preferred to Allen-Cahn's.
        """
        orders = [self.terms[k][1] for k in state.support] + [j for _, j in self.known]
        highest = max((j for j in orders if j % 2 == 0), default=0)
        if highest == 0:
            return []
        low, high = np.quantile(self.u, (0.02, 0.98))
        u = np.linspace(float(low), float(high), 33)
        slope = np.zeros_like(u)
        for (m, j), value in self._active(state.support, state.c).items():
            if j == highest and m:
                slope = slope + value * m * u ** (m - 1)
        sign = (-1) ** (highest // 2)
        grows = sign * slope > 0.05 * np.abs(slope).max()
        own = [
            k
            for k, value in zip(state.support, state.c, strict=True)
            if self.terms[k][1] == highest and sign * value > 0
        ]
        return own if grows.any() else []

    def _active(self, support: Sequence[int], c: Array) -> dict[Term, float]:
        own = {self.terms[k]: float(v) for k, v in zip(support, c, strict=True)}
        return {**dict(self.known), **own}

    def residual(self, a: Array, support: Sequence[int], c: Array) -> Array:
        """u_t less all terms, (C,)."""
        jets = self._jets(a)
        out = self.left @ a
        for (m, j), value in self._active(support, c).items():
            out = out - value * _power(jets, m, j)
        return self._averaged(out)

    def _slope(self, a: Array, support: Sequence[int], c: Array) -> csr_matrix:
        """d residual / d a, (C, n): by Leibniz's rule for d^j(m u^(m-1) v)/dx^j."""
        jets = self._jets(a)
        weights: dict[int, Array] = {}
        for (m, j), value in self._active(support, c).items():
            for i in range(j + 1) if m else ():
                part = value * m * comb(j, i) * _power(jets, m - 1, j - i)
                weights[i] = weights.get(i, 0) + part
        # All these matrices have their entries in the same places, those of a cell together.
        width = (DEGREE + 1) ** 2
        data = self.left.data.reshape(-1, width)
        for i, weight in weights.items():
            data = data - weight[:, None] * self.along[i].data.reshape(-1, width)
        points = len(self.weights)
        data = np.einsum("p,cpw->cw", self.weights, data.reshape(-1, points, width))
        columns = self.left.indices.reshape(-1, points, width)[:, 0]
        ends = np.arange(len(data) + 1) * width
        return csr_matrix((data.ravel(), columns.ravel(), ends), (len(data), self.basis.size))

    def fit(self, state: _State, sigma: float, strictness: float, steps: int = _STEPS) -> _State:
        """Gauss-Newton steps, halved where they overshoot, from a state."""
        cells = self.left.shape[0] // len(self.weights)
        weight = len(self.u) / (cells * (strictness * self.scale) ** 2)
        smoothing = _SMOOTHING * strictness**2 / sigma**2

        def objective(a: Array, c: Array) -> float:
            misfit = self.design @ a - self.u
            rest = self.residual(a, state.support, c)
            rough = smoothing * a @ (self.penalty @ a)
            return float(misfit @ misfit / sigma**2 + weight * rest @ rest + rough)

        a, c, rows = state.a, state.c, list(state.support)
        value = objective(a, c)
        for _ in range(steps):
            model = self._model(a, state.support, c, sigma, weight, smoothing)
            chosen = model.gram[np.ix_(rows, rows)]
            move_c = -np.linalg.solve(chosen, model.gradient[rows])
            move_a = -(model.free + model.solved[:, rows] @ move_c)
            factor = 1.0
            while factor > 1e-3:
                trial = objective(a + factor * move_a, c + factor * move_c)
                if trial < value:
                    break
                factor /= 2
            else:
                break
            a, c, gain = a + factor * move_a, c + factor * move_c, value - trial
            value = trial
            if gain < 0.01 + 1e-4 * value:
                break
        model = self._model(a, state.support, c, sigma, weight, smoothing)
        noise, score = self._validated(a, model.factor, sigma)
        return _State(a, state.support, c, model.gram, model.gradient, value, noise, score)

    def _model(
        self, a: Array, support: Sequence[int], c: Array, sigma: float, weight: float,
        smoothing: float,
    ) -> _Model:  # fmt: skip
        slope = self._slope(a, support, c)
        rest = self.residual(a, support, c)
        columns = self.columns(a)
        matrix = self.gram / sigma**2 + weight * csr_matrix(slope.T @ slope)
        matrix = matrix + smoothing * self.penalty
        factor = Banded.of(matrix, self.basis.band)
        along = self.design.T @ (self.design @ a - self.u) / sigma**2
        along = along + weight * (slope.T @ rest) + smoothing * (self.penalty @ a)
        cross = -weight * (slope.T @ columns)
        solved = factor.solve(np.column_stack([cross, along]))
        free, solved = solved[:, -1], solved[:, :-1]
        gram = weight * columns.T @ columns - cross.T @ solved
        gradient = -weight * columns.T @ rest - cross.T @ free
        return _Model(factor, free, solved, 0.5 * (gram + gram.T), gradient)

    def _validated(self, a: Array, factor: Banded, sigma: float) -> tuple[float, float]:
        """The noise, and the score of generalised cross validation (its trace by probes)."""
        count = len(self.u)
        probes = np.random.default_rng(0).choice([-1.0, 1.0], (count, _PROBES))
        pulled = self.design.T @ probes
        used = float(np.sum(pulled * factor.solve(pulled))) / sigma**2 / _PROBES
        free = max(count - used, 0.02 * count)
        left = float(np.sum((self.design @ a - self.u) ** 2))
        exact = count * (_FLOOR * float(self.u.std())) ** 2
        return float(np.sqrt(left / free)), count * (left + exact) / free**2


@dataclass(frozen=True)
class _Model:
    """The Gauss-Newton model, the surface eliminated: `free` (n,) is its own step."""

    factor: Banded
    free: Array
    solved: Array
    gram: Array
    gradient: Array


def _chosen(joint: _Joint, now: _State, sigma: float, strictness: float) -> _State:
    """Changes of the support while the extended Bayesian criterion falls.

    Where the samples are exact, what a strict equation leaves is the surface's own error, which
    more terms would only imitate: Korteweg-de Vries got (u^3)_xxx at 0.0002.
    """
    count = len(joint.terms)
    exact = now.noise < _FLOOR * float(joint.u.std())
    closed = exact and strictness < _CLOSED
    cost = np.full(count, np.log(len(joint.u)) + 2 * np.log(count))

    def settled(state: _State) -> _State:
        """Fitted, without terms by which short waves grow."""
        state = joint.fit(state, sigma, strictness)
        while growing := joint.growing(state):
            kept = [k for k in state.support if k not in growing]
            if not kept:
                break
            state = joint.fit(_State.start(state.a, kept, joint), sigma, strictness)
        return state

    now = settled(now)

    def changed(support: Sequence[int], weights: Array) -> _State | None:
        """The refit with other terms, if it is better."""
        other = settled(replace(now, support=tuple(support), c=weights))
        more = len(other.support) - len(now.support)
        if closed and more > 0:
            return None
        change = other.objective - now.objective + cost[0] * more
        # Equations that let noise grow (u_t = u_xxxx) are followed by surfaces that bend to every
        # sample: their misfit is small, and cross validation says why.
        if not exact:
            change += len(joint.u) * float(np.log(other.score / now.score))
        return other if change < -0.1 else None

    for _ in range(_CHANGES):
        c = np.zeros(count)
        c[list(now.support)] = now.c
        model = Quadratic(now.gram, now.gradient, c)
        ranked = [s for gain, s in moves(model, now.support, cost, keep=3) if gain > 0.5]
        better = (changed(s, model.fitted(s)) for s in ranked)
        following = next((state for state in better if state is not None), None)
        if following is None:
            break
        now = following
    return now


def _first_guess(
    surface: Surface, terms: Sequence[Term], order: int, known: Mapping[Term, float]
) -> list[int]:
    """Terms by regression in weak form on the surface; rather too many than too few."""
    sx, st = surface.basis.x, surface.basis.t
    x, t = np.linspace(sx.low, sx.high, _GRID), np.linspace(st.low, st.high, _GRID)
    px, pt = np.meshgrid(x, t)
    u = surface(px.ravel(), pt.ravel()).reshape(px.shape)
    windows = Windows.over(x, t, *widths(u, x, t))
    rows = np.stack([windows.integral(u**m, (0, j)) for m, j in terms], 1)
    right = windows.integral(u, (order, 0))
    for (m, j), factor in known.items():
        right = right - factor * windows.integral(u**m, (0, j))
    gram, moment = rows.T @ rows, rows.T @ right
    model = Quadratic(gram, -moment, np.zeros(len(terms)))
    every = list(range(len(terms)))
    least = float(np.sum((rows @ model.fitted(every) - right) ** 2))
    scale = (least + 1e-12 * float(right @ right)) / len(right)
    cost = np.full(len(terms), np.log(len(right)) + 2 * np.log(len(terms)))
    _, support = min(backward_path(model), key=lambda s: s[0] / scale + cost[s[1]].sum())
    return stepwise(gram / scale, moment / scale, support, cost)


def _power(jets: Sequence[Array], power: int, order: int) -> Array:
    """d^order(u^power)/dx^order from u, u_x, ...: products of truncated Taylor series."""
    series = [jets[k] / factorial(k) for k in range(order + 1)]
    out = [np.ones_like(jets[0]), *(np.zeros_like(jets[0]) for _ in range(order))]
    for _ in range(power):
        out = [
            np.sum([out[i] * series[k - i] for i in range(k + 1)], axis=0) for k in range(order + 1)
        ]
    return np.asarray(factorial(order) * out[order])


def _cells(basis: Tensor) -> tuple[Array, Array, Array]:
    """Gauss's points in every cell between knots, x and t (Q,), a cell's together; its weights."""
    z, w = np.polynomial.legendre.leggauss(3)
    axes = []
    for each in (basis.x, basis.t):
        edges = np.linspace(each.low, each.high, each.count - DEGREE + 1)
        axes.append(0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * (edges[1] - edges[0]) * z)
    x, t = axes
    shape = (len(x), len(t), len(z), len(z))
    px = np.broadcast_to(x[:, None, :, None], shape)
    pt = np.broadcast_to(t[None, :, None, :], shape)
    return px.ravel(), pt.ravel(), np.outer(w, w).ravel() / 4


def checked_points(u: Any, x: Any, t: Any, order: int) -> tuple[Array, Array, Array]:
    """u, x, t (N,) as they can be used: finite, not constant, of one length."""
    u, x, t = (np.asarray(a, dtype=float).ravel() for a in (u, x, t))
    if order not in (1, 2):
        raise KanpdeError(f"the order in time must be 1 or 2, not {order}")
    if not len(u) == len(x) == len(t):
        raise KanpdeError(
            f"scattered samples need one x and one t each, and there are {len(u)} of u, "
            f"{len(x)} of x, {len(t)} of t"
        )
    whole = np.isfinite(u) & np.isfinite(x) & np.isfinite(t)
    u, x, t = u[whole], x[whole], t[whole]
    if len(u) < 100:
        raise KanpdeError(f"{len(u)} scattered samples are too few for a field: give 100 or more")
    for name, values in (("u", u), ("x", x), ("t", t)):
        if np.ptp(values) <= 1e-13 * np.abs(values).max():
            raise KanpdeError(f"{name} is constant in all samples: there is no law to find")
    for name, values in (("x", x), ("t", t)):
        if len(np.unique(values)) < 12:
            raise KanpdeError(
                f"all samples have one of {len(np.unique(values))} {name}: at least 12 are needed"
            )
    return u, x, t


def on_grid(u: Any, x: Any, t: Any) -> tuple[Array, Array, Array] | None:
    """u (times, positions), x and t, if samples (N,) are the rows of an even grid; else None."""
    u, x, t = (np.asarray(a, dtype=float).ravel() for a in (u, x, t))
    if not (len(u) == len(x) == len(t)) or not np.isfinite([u, x, t]).all():
        return None
    places, column = np.unique(x, return_inverse=True)
    times, row = np.unique(t, return_inverse=True)
    if len(places) * len(times) != len(u) or min(len(places), len(times)) < 25:
        return None
    for axis in (places, times):
        steps = np.diff(axis)
        if np.ptp(steps) > 1e-6 * steps.mean():
            return None
    table = np.full((len(times), len(places)), np.nan)
    table[row, column] = u
    return (table, places, times) if np.isfinite(table).all() else None
