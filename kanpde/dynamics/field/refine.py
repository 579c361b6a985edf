"""The last step on rings: the equation's solution itself is fitted to the samples.

The weak form sees windows; a solution sees all samples at once, and has as many unknowns as the
equation has coefficients and the start has modes. So it tells terms apart, and knows coefficients,
several times better: the start and the coefficients by Gauss-Newton (Bock 1983 for ODEs), and the
terms by the change of its misfit, as for trajectories. Where no solution follows the samples within
their noise, as of chaotic fields over a long time, the answer of the weak form stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.agreement import Agreement, Judgement
from kanpde.dynamics.field.equation import FieldEquation
from kanpde.dynamics.field.evolve import FieldFlow
from kanpde.dynamics.field.policy import RefinePolicy
from kanpde.dynamics.field.samples import GridSamples
from kanpde.dynamics.field.term import Term
from kanpde.dynamics.field.writing import find_period
from kanpde.errors import KanpdeError
from kanpde.symbolic.subset import Quadratic, moves

POLICY = RefinePolicy()


@dataclass(frozen=True)
class SolutionFit:
    """A solution near the samples: coefficients (P,), modes of its start (M,), its misfit.

    `support` are the places of the terms whose coefficients are free; those of known terms are
    in `c` too. `rest` (T N,) is samples less solution.
    """

    support: tuple[int, ...]
    c: Array
    modes: Array
    rest: Array

    @property
    def deviance(self) -> float:
        """-2 log likelihood up to a constant, the noise estimated."""
        return float(self.rest.size * np.log(np.mean(self.rest**2)))


@dataclass(frozen=True)
class SolutionProblem:
    """Samples (T, N) on a ring, and functions (M, N) that make up the start."""

    flow: FieldFlow
    samples: Array
    shapes: Array
    substeps: int
    size: float

    def solve(self, c: Array, modes: Array) -> Array:
        """Solutions (B, T N) of coefficients (B, P) and starts (B, M)."""
        return self.flow.solve(c, modes @ self.shapes, self.substeps).reshape(len(c), -1)

    def measure(self, support: Sequence[int], c: Array, modes: Array) -> SolutionFit:
        """The misfit of one solution."""
        rest = self.samples.ravel() - self.solve(c[None], modes[None])[0]
        return SolutionFit(tuple(support), c, modes, rest)

    def differentiate(self, fit: SolutionFit, places: Sequence[int]) -> Array:
        """d solution / d (coefficients at `places`, modes), (T N, p + M)."""
        steps = self._choose_steps(places)
        count, many = len(places), len(places) + len(fit.modes)
        c, modes = np.tile(fit.c, (many, 1)), np.tile(fit.modes, (many, 1))
        c[np.arange(count), list(places)] += steps[:count]
        modes[np.arange(count, many), np.arange(len(fit.modes))] += steps[count:]
        base = self.samples.ravel() - fit.rest
        return np.asarray(((self.solve(c, modes) - base) / steps[:, None]).T)

    def _choose_steps(self, places: Sequence[int]) -> Array:
        """Small steps of coefficients at `places` and of all modes."""
        length = float(self.flow.times[-1] - self.flow.times[0])
        k = max(1, len(self.shapes) // 4) * 2 * np.pi / self.flow.period
        steps = []
        for place in places:
            piece = self.flow.terms[place].pieces[0]
            size = self.size ** (len(piece.factors) - 1) * k ** self.flow.terms[place].order
            steps.append(POLICY.step / (length * max(size, 1e-300)))
        return np.array([*steps, *[POLICY.step * self.size] * len(self.shapes)])

    def improve(self, fit: SolutionFit) -> SolutionFit:
        """Gauss-Newton steps, each halved until the misfit falls."""
        for _ in range(POLICY.steps):
            table = self.differentiate(fit, fit.support)
            scale = 1 / np.maximum(np.linalg.norm(table, axis=0), 1e-300)
            gram = (table.T @ table) * np.outer(scale, scale)
            gram[np.diag_indices(len(gram))] += 1e-12
            change = scale * np.linalg.solve(gram, scale * (table.T @ fit.rest))
            better = self._take(fit, change)
            if better is None:
                break
            gain, fit = fit.deviance - better.deviance, better
            if gain < POLICY.settled:
                break
        return fit

    def _take(self, fit: SolutionFit, change: Array) -> SolutionFit | None:
        count = len(fit.support)
        for halvings in range(POLICY.halvings):
            part = change / 2**halvings
            c = fit.c.copy()
            c[list(fit.support)] += part[:count]
            try:
                other = self.measure(fit.support, c, fit.modes + part[count:])
            except KanpdeError:
                continue
            if other.deviance < fit.deviance:
                return other
        return None


def refine(samples: GridSamples, found: FieldEquation, terms: Sequence[Term]) -> FieldEquation:
    """The equation whose solution is nearest to the samples; `found` where no solution is near.

    Args:
        samples: one field of one dimension; others are left alone, as are equations of second
            order in time, those that are known well, and laws outside of the library.
        found: the equation by the weak form.
        terms: the library.
    """
    if found.judgement.agreement is not Agreement.WITHIN_NOISE or found.order != 1:
        return found
    if np.all(found.errors < POLICY.sure * np.abs(found.values)):
        return found
    if len(samples.grid.axes) > 2 or len(samples.grid.notation.fields) > 1:
        return found
    problem = _pose(samples, found, terms)
    if problem is None:
        return found
    price = float(np.log(samples.smooth.size) + 2 * np.log(len(terms)))
    try:
        fit, model = _select(problem, _start(problem, samples, found), price)
    except KanpdeError:
        return found
    ratio = float(np.mean(fit.rest**2)) / samples.noise**2
    limit = 1 + POLICY.near + POLICY.deviations * float(np.sqrt(2 / fit.rest.size))
    if not ratio < limit or not fit.support:
        return found
    return _describe(problem, fit, model, found)


def _pose(
    samples: GridSamples, found: FieldEquation, terms: Sequence[Term]
) -> SolutionProblem | None:
    """The samples as a problem of solutions; None where they are not on a ring, or too many."""
    t, x = samples.grid.axes
    period = find_period([samples.smooth], x, 1)
    if period is None:
        return None
    u = samples.u[:, : period.samples]
    smooth = samples.smooth[:, : period.samples]
    count = u.shape[1]
    step = float(x[1] - x[0])
    flow = FieldFlow((*dict.fromkeys((*terms, *samples.known)),), t, count * step, count)
    shapes = _build_shapes(smooth, samples.grid.smooth[samples.own].left)
    if u.size * (len(shapes) + len(terms)) > POLICY.largest:
        return None
    return SolutionProblem(flow, u, shapes, POLICY.substeps, float(np.std(u)))


def _build_shapes(smooth: Array, left: float) -> Array:
    """The constant, sines and cosines (M, N) that stand out of the noise that is left."""
    count = smooth.shape[1]
    power = np.abs(np.fft.rfft(smooth[: max(1, len(smooth) // 20)], axis=1)).max(0) ** 2
    clear = np.flatnonzero(power > POLICY.clear * left**2 * count)
    most = min(POLICY.modes, count // 6)
    last = int(np.clip((clear[-1] if len(clear) else 0) + 2, 4, most))
    angle = 2 * np.pi * np.outer(np.arange(1, last + 1), np.arange(count)) / count
    return np.concatenate([np.ones((1, count)), np.cos(angle), np.sin(angle)])


def _start(problem: SolutionProblem, samples: GridSamples, found: FieldEquation) -> SolutionFit:
    """The equation of the weak form from the smooth first samples.

    Where it grows without bound, as with a small false u_xxxx, the highest derivatives go.
    """
    terms = problem.flow.terms
    values = {**found.values_by_term()}
    free = [term for term in values if term not in samples.known]
    first = samples.smooth[0, : problem.samples.shape[1]]
    modes = np.asarray(np.linalg.lstsq(problem.shapes.T, first, rcond=None)[0], dtype=float)
    while True:
        c = np.array([values.get(term, 0.0) for term in terms])
        support = sorted(terms.index(term) for term in free)
        try:
            return problem.improve(problem.measure(support, c, modes))
        except KanpdeError:
            if len(free) < 2:
                raise
            highest = max(free, key=lambda term: term.order)
            free.remove(highest)
            values.pop(highest)


def _select(
    problem: SolutionProblem, fit: SolutionFit, price: float
) -> tuple[SolutionFit, Quadratic]:
    """Changes of the terms as long as one gains more than it costs; the model of the last fit."""
    known = {k for k in np.flatnonzero(fit.c) if k not in fit.support}
    every = [
        k for k, term in enumerate(problem.flow.terms)
        if k not in known and (term.pieces[0].plain or k in fit.support)
    ]  # fmt: skip
    penalty = np.full(len(every), price)
    place = {k: i for i, k in enumerate(every)}
    model = _reduce(problem.differentiate(fit, every), fit, every)
    for _ in range(POLICY.changes):
        better = None
        for gain, rows in moves(model, [place[k] for k in fit.support], penalty, POLICY.tries):
            if gain < 0.5:
                break
            better = _try(problem, fit, [every[i] for i in rows], model.fitted(rows), price)
            if better is not None:
                break
        if better is None:
            break
        fit = better
        model = _reduce(problem.differentiate(fit, every), fit, every)
    rows = [place[k] for k in fit.support]
    return fit, Quadratic(model.gram[np.ix_(rows, rows)], model.gradient[rows], model.c[rows])


def _try(
    problem: SolutionProblem, fit: SolutionFit, support: list[int], values: Array, price: float
) -> SolutionFit | None:
    """The fit of other terms, where that is better by the criterion."""
    c = fit.c.copy()
    c[list(fit.support)] = 0.0
    c[support] = values
    try:
        other = problem.improve(problem.measure(support, c, fit.modes))
    except KanpdeError:
        return None
    gain = fit.deviance - other.deviance - price * (len(support) - len(fit.support))
    return other if gain > 0.1 else None


def _reduce(table: Array, fit: SolutionFit, places: Sequence[int]) -> Quadratic:
    """The misfit as a function of coefficients alone, the modes of the start eliminated."""
    noise = float(np.sqrt(np.mean(fit.rest**2)))
    count = len(places)
    own, modes = table[:, :count] / noise, table[:, count:] / noise
    basis = np.linalg.qr(modes)[0]
    own = own - basis @ (basis.T @ own)
    rest = fit.rest / noise
    return Quadratic(own.T @ own, -(own.T @ (rest - basis @ (basis.T @ rest))), fit.c[list(places)])


def _describe(
    problem: SolutionProblem, fit: SolutionFit, model: Quadratic, found: FieldEquation
) -> FieldEquation:
    """The equation of a fit."""
    covariance = model.solve(range(len(fit.support)), np.eye(len(fit.support)))
    terms = tuple(problem.flow.terms[k] for k in fit.support)
    same = set(terms) == set(found.terms)
    judgement = found.judgement if same else Judgement(Agreement.WITHIN_NOISE)
    return replace(
        found, terms=terms, values=fit.c[list(fit.support)], covariance=covariance,
        judgement=judgement,
    )  # fmt: skip
