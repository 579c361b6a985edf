"""Where residuals are evaluated: collocation points, their weights, held-out points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.balance import balance_factors
from kanpde.assembly.build_terms import build_terms
from kanpde.assembly.layers import LAYER_POLICY, find_layers, grade
from kanpde.assembly.noise_weights import NoiseWeights
from kanpde.assembly.sampling import ROW_POLICY, RowPolicy, Sampling
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm, Term
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.errors import KanpdeError
from kanpde.network.network import Network, find_blocks, is_sparse
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem


class Sampler:
    """Draws points for the trained equations of a problem and binds rows to them.

    `terms` are trained; `looks` are evaluated at held-out points: the same terms, but the
    Euler-Lagrange equations instead of an energy.
    """

    def __init__(
        self,
        problem: Problem,
        ansatz: Ansatz,
        sampling: Sampling,
        seed: int,
        workers: Workers = SERIAL,
        policy: RowPolicy = ROW_POLICY,
    ) -> None:
        self.sampling, self.workers, self.policy = sampling, workers, policy
        self.terms = build_terms(problem, ansatz, ansatz.trained)
        consequences = [e for e in problem.equations if e.kind is Kind.CONSEQUENCE]
        self.looks = [t for t in self.terms if t.equations[0].kind is not Kind.DENSITY]
        self.looks += build_terms(problem, ansatz, consequences)
        both = [e for t in (*self.terms, *self.looks) for e in t.equations]
        self.names = list(dict.fromkeys(e.condition for e in both))
        self.scales = dict.fromkeys(self.names, 1.0)
        self.rows = policy.rows
        self._interior = max(sum(e.is_interior for t in self.terms for e in t.equations), 1)
        self._seeds = np.random.SeedSequence(seed)
        # The measure of each part of an energy, relative to that of its first.
        self._shares = _find_shares(self.terms)
        # Those that a network can form.
        self._layers = [e for e in find_layers(problem) if e.relative >= LAYER_POLICY.narrowest]
        self._pools: dict[int, tuple[Tensor, Tensor]] = {}
        self._noise = NoiseWeights(problem.equations)

    def _seed(self) -> int:
        (child,) = self._seeds.spawn(1)
        return int(child.generate_state(1)[0])

    def _count(self, term: Term, network: Network) -> int:
        interior = self.sampling.points
        if interior is None:
            seen = _count_seen(network)
            interior = self.policy.interior(
                self.rows, network.parameter_count, self._interior, seen
            )
        return term.equations[0].region.count(interior)

    def _points(self, term: Term, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Even points, as `Term.at` takes them, and their importance (N,)."""
        equation = term.equations[0]
        draw = equation.region.sample
        if equation.kind in (Kind.DENSITY, Kind.AVERAGE):
            more = self.rows / self.policy.rows if equation.kind is Kind.DENSITY else 1.0
            fewest = round(self.policy.quadrature * more)
            draw, count = equation.region.quadrature, max(fewest, count)
        sample = draw(count, self._seed())
        if equation.is_interior and self._layers:
            points, importance = grade(sample, self._layers, equation.region.domain.names)
            return torch.from_numpy(points).to(like), torch.from_numpy(importance).to(like)
        places = sample.places(s.axis for s in term.normals)
        return torch.from_numpy(places).to(like), torch.from_numpy(sample.importance).to(like)

    def _weights(self, term: Term, importance: Tensor) -> list[Tensor]:
        scale = self._shares.get(id(term), 1.0) / len(importance)
        return [
            torch.sqrt(importance * (e.weight * self.scales[e.condition] * scale))
            * self._noise.of(e, importance)
            for e in term.equations
        ]

    def held_out(self, network: Network) -> dict[str, float]:
        """The loss of each condition on fresh points; they become the pool of `draw`."""
        losses = dict.fromkeys(self.names, 0.0)
        for term in self.looks:
            count = self.policy.pool * self._count(term, network)
            rows = self._even(term, network, count)
            squares = rows.evaluate(network)[0].square()
            for equation, value in zip(term.equations, squares.sum(1).tolist(), strict=True):
                losses[equation.condition] += 0.5 * value
            self._pools[id(term)] = rows.places, squares.sum(0).sqrt()
        return losses

    def compare(self, networks: Sequence[Network]) -> list[float]:
        """The losses of several networks on the same fresh points."""
        totals = [0.0] * len(networks)
        for term in self.looks:
            count = self.policy.pool * max(self._count(term, n) for n in networks)
            points, importance = self._points(term, count, networks[0].like)
            weights = self._weights(term, importance)
            for k, network in enumerate(networks):
                rows = term.at(network, points, weights, self.workers)
                totals[k] += 0.5 * float(rows.evaluate(network)[0].square().sum())
        return totals

    def rows_at(self, network: Network, count: int) -> list[BoundTerm]:
        """Every equation of `looks` at about `count` even points."""
        return [
            self._even(term, network, min(count, self._count(term, network))) for term in self.looks
        ]

    def _even(self, term: Term, network: Network, count: int) -> BoundTerm:
        points, importance = self._points(term, count, network.like)
        return term.at(network, points, self._weights(term, importance), self.workers)

    def draw(self, network: Network) -> ResidualSystem:
        """Rows at new points, focused where the held-out residual is concentrated."""
        rows = []
        for term in self.terms:
            found = self._focus(term, network)
            if found is None:
                found = self._points(term, self._count(term, network), network.like)
            points, importance = _sort(term, network, *found)
            weights = self._weights(term, importance)
            bound = term.at(network, points, weights, self.workers)
            bound.weights = self._noise.lessen_outliers(bound, network)
            rows.append(bound)
        return ResidualSystem(network, rows, self.workers)

    @property
    def has_energy(self) -> bool:
        """Whether an integral is made smallest."""
        return bool(self._shares)

    def draw_check(self, network: Network) -> ResidualSystem:
        """All that is trained, at even new points."""
        rows = [self._even(t, network, self._count(t, network)) for t in self.terms]
        return ResidualSystem(network, rows, self.workers)

    def _focus(self, term: Term, network: Network) -> tuple[Tensor, Tensor] | None:
        """Points and importance by the residual at held-out points; None where it is even."""
        pool = self._pools.get(id(term))
        if pool is None or not term.equations[0].is_interior:
            return None
        points, size = pool
        square = size.square()
        kurtosis = float(square.square().mean() / square.mean().square().clamp_min(1e-300))
        if not kurtosis > self.sampling.focus:
            return None
        share = self.policy.even_share
        density = share + (1 - share) * size / size.mean()
        count = self._count(term, network)
        # Systematic resampling: one point in each of `count` equal slices of the density.
        shift = np.random.default_rng(self._seed()).random()
        levels = (torch.arange(count, dtype=density.dtype) + shift) / count
        slices = torch.cumsum(density, 0) / density.sum()
        chosen = torch.searchsorted(slices.cpu(), levels).clamp_max(len(points) - 1)
        chosen = chosen.to(points.device)
        return points[chosen], 1 / density[chosen]

    def widen(self, held_out: float, trained: float) -> None:
        """Take more points if training fits the present ones much better than others."""
        if held_out > self.policy.gap * trained:
            self.refine()

    def refine(self) -> None:
        """Take more points from the next draw on."""
        self.rows = min(self.policy.growth * self.rows, self.policy.most_rows)

    def rebalance(self, network: Network) -> None:
        """Give the conditions weights that balance them."""
        if len(self.names) < 2:
            return
        for name, factor in balance_factors(self.draw(network)).items():
            self.scales[name] *= factor

    def points_by_condition(self, network: Network) -> dict[str, Array]:
        """One draw of collocation points for each condition, to look at."""
        found: dict[str, list[Array]] = {}
        for rows in self.draw(network).rows:
            for name in dict.fromkeys(e.condition for e in rows.term.equations):
                found.setdefault(name, []).append(rows.points.cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def find_infinite(self, network: Network) -> str | None:
        """A condition whose residual, or density, is not finite at some points; None where none."""
        losses = self.held_out(network)
        for term in self.terms:
            if id(term) in self._shares:
                rows = self._even(term, network, self._count(term, network))
                (equation,) = term.equations
                losses[equation.condition] += rows.evaluate(network)[1] or 0.0
        return next((name for name, loss in losses.items() if not np.isfinite(loss)), None)

    def check(self, network: Network) -> None:
        """Evaluate every residual once; raises KanpdeError, naming the condition, for NaN."""
        name = self.find_infinite(network)
        if name is not None:
            raise KanpdeError(
                f'condition "{name}": its residual is not finite at some points of the box; '
                "look for a division by zero, a log or root of what may be negative"
            )


def _sort(
    term: Term, network: Network, points: Tensor, importance: Tensor
) -> tuple[Tensor, Tensor]:
    """Points in the order of the parts of a network, so that a block of rows sees few of them."""
    sort = getattr(network, "sort", None)
    if sort is None or any(e.observed is not None for e in term.equations):
        return points, importance
    order = sort(points[:, : network.coordinates.dimension])
    return points[order], importance[order]


def _count_seen(network: Network) -> int:
    """The parameters that a row of J depends on: in subdomains those of four cells, as a rule."""
    if not is_sparse(network):
        return network.parameter_count
    return min(network.parameter_count, 4 * max(find_blocks(network)))


def _find_shares(terms: Sequence[Term]) -> dict[int, float]:
    """The measures of the regions of densities, relative to that of the first.

    An energy is a sum of integrals, and rows are weighted as means: with means alone the load on
    the end of a beam of length 4 was four times as large.
    """
    parts = [t for t in terms if t.equations[0].kind is Kind.DENSITY]
    sizes = [t.equations[0].region.measure for t in parts]
    return {id(t): size / sizes[0] for t, size in zip(parts, sizes, strict=True)}
