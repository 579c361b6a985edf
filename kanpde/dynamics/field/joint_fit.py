"""A surface and an equation as one least-squares problem.

Both are linear in their unknowns given the other, and Gauss-Newton steps take them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, factorial

import numpy as np
from scipy.sparse import csr_matrix

from kanpde.arrays import Array
from kanpde.dynamics.field.policy import ScatteredPolicy
from kanpde.dynamics.field.surface import DEGREE, PROBES, Banded, Surface, TensorSplines

POLICY = ScatteredPolicy()
# A power m and a derivative j: d^j(u^m)/dx^j.
Pair = tuple[int, int]


@dataclass(frozen=True)
class JointState:
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
    def start(a: Array, support: Sequence[int], joint: JointFit) -> JointState:
        """The surface as it is, the terms by least squares of its residual."""
        columns = joint.columns(a)[:, support]
        right = joint.residual(a, (), np.zeros(0))
        c = np.asarray(np.linalg.lstsq(columns, right, rcond=None)[0], dtype=float)
        empty = np.zeros(0)
        return JointState(a, tuple(support), c, empty, empty, np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class JointFit:
    """(samples - surface) / sigma and the equation's residual, as one least-squares problem.

    The residual is averaged over each of the C cells between the knots, which is what it has to
    be zero in: at points, third derivatives of quintic splines were off by 5 % of u_t.
    `along[j]` and `left` are d^j/dx^j and d^order/dt^order of the surface's functions at the
    cells' Gauss points (Q, n), `weights` those of one cell; `scale` is the rms of u_t.
    """

    basis: TensorSplines
    design: csr_matrix
    gram: csr_matrix
    penalty: csr_matrix
    u: Array
    along: tuple[csr_matrix, ...]
    left: csr_matrix
    weights: Array
    terms: tuple[Pair, ...]
    known: Mapping[Pair, float]
    scale: float

    @staticmethod
    def of(
        surface: Surface, u: Array, x: Array, t: Array, terms: Sequence[Pair], order: int,
        known: Mapping[Pair, float],
    ) -> JointFit:  # fmt: skip
        """The problem of samples u (N,) at x and t (N,), near a first surface through them."""
        basis = surface.basis
        design = basis.design(x, t)
        px, pt, weights = _place_gauss_points(basis)
        highest = max(j for _, j in (*terms, *known))
        along = tuple(basis.design(px, pt, (j, 0)) for j in range(highest + 1))
        left = basis.design(px, pt, (0, order))
        rates = (left @ surface.coefficients).reshape(-1, len(weights)) @ weights
        scale = float(np.sqrt(np.mean(rates**2)))
        gram = csr_matrix(design.T @ design)
        return JointFit(
            basis, design, gram, surface.penalty, u, along, left, weights, tuple(terms), known,
            scale,
        )  # fmt: skip

    def _jets(self, a: Array) -> list[Array]:
        """u, u_x, ... at the Gauss points, (Q,)."""
        return [d @ a for d in self.along]

    def columns(self, a: Array) -> Array:
        """Every term of the library in the cells, (C, P)."""
        jets = self._jets(a)
        return np.stack([self._average(differentiate_power(jets, m, j)) for m, j in self.terms], 1)

    def _average(self, values: Array) -> Array:
        return np.asarray(values.reshape(-1, len(self.weights)) @ self.weights)

    def find_growing(self, state: JointState) -> list[int]:
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

    def _active(self, support: Sequence[int], c: Array) -> dict[Pair, float]:
        own = {self.terms[k]: float(v) for k, v in zip(support, c, strict=True)}
        return {**dict(self.known), **own}

    def residual(self, a: Array, support: Sequence[int], c: Array) -> Array:
        """u_t less all terms, (C,)."""
        jets = self._jets(a)
        out = self.left @ a
        for (m, j), value in self._active(support, c).items():
            out = out - value * differentiate_power(jets, m, j)
        return self._average(out)

    def _slope(self, a: Array, support: Sequence[int], c: Array) -> csr_matrix:
        """d residual / d a, (C, n): by Leibniz's rule for d^j(m u^(m-1) v)/dx^j."""
        jets = self._jets(a)
        weights: dict[int, Array] = {}
        for (m, j), value in self._active(support, c).items():
            for i in range(j + 1) if m else ():
                part = value * m * comb(j, i) * differentiate_power(jets, m - 1, j - i)
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

    def fit(self, state: JointState, sigma: float, strictness: float) -> JointState:
        """Gauss-Newton steps, halved where they overshoot, from a state."""
        cells = self.left.shape[0] // len(self.weights)
        weight = len(self.u) / (cells * (strictness * self.scale) ** 2)
        smoothing = POLICY.smoothing * strictness**2 / sigma**2

        def objective(a: Array, c: Array) -> float:
            misfit = self.design @ a - self.u
            rest = self.residual(a, state.support, c)
            rough = smoothing * a @ (self.penalty @ a)
            return float(misfit @ misfit / sigma**2 + weight * rest @ rest + rough)

        a, c, rows = state.a, state.c, list(state.support)
        value = objective(a, c)
        for _ in range(POLICY.steps):
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
        noise, score = self._cross_validate(a, model.factor, sigma)
        return JointState(a, state.support, c, model.gram, model.gradient, value, noise, score)

    def _model(
        self, a: Array, support: Sequence[int], c: Array, sigma: float, weight: float,
        smoothing: float,
    ) -> _GaussNewton:  # fmt: skip
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
        return _GaussNewton(factor, free, solved, 0.5 * (gram + gram.T), gradient)

    def _cross_validate(self, a: Array, factor: Banded, sigma: float) -> tuple[float, float]:
        """The noise, and the score of generalised cross validation (its trace by probes)."""
        count = len(self.u)
        probes = np.random.default_rng(0).choice([-1.0, 1.0], (count, PROBES))
        pulled = self.design.T @ probes
        used = float(np.sum(pulled * factor.solve(pulled))) / sigma**2 / PROBES
        free = max(count - used, 0.02 * count)
        left = float(np.sum((self.design @ a - self.u) ** 2))
        exact = count * (POLICY.floor * float(self.u.std())) ** 2
        return float(np.sqrt(left / free)), count * (left + exact) / free**2


@dataclass(frozen=True)
class _GaussNewton:
    """The Gauss-Newton model, the surface eliminated: `free` (n,) is its own step."""

    factor: Banded
    free: Array
    solved: Array
    gram: Array
    gradient: Array


def differentiate_power(jets: Sequence[Array], power: int, order: int) -> Array:
    """d^order(u^power)/dx^order from u, u_x, ...: products of truncated Taylor series."""
    series = [jets[k] / factorial(k) for k in range(order + 1)]
    out = [np.ones_like(jets[0]), *(np.zeros_like(jets[0]) for _ in range(order))]
    for _ in range(power):
        out = [
            np.sum([out[i] * series[k - i] for i in range(k + 1)], axis=0) for k in range(order + 1)
        ]
    return np.asarray(factorial(order) * out[order])


def _place_gauss_points(basis: TensorSplines) -> tuple[Array, Array, Array]:
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
