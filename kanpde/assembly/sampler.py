"""Where the residual is asked for: collocation points, their weights, held-out points."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.rows import BoundRows, EquationSet, group
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Face
from kanpde.network.kan import KAN
from kanpde.problem.problem import Problem
from kanpde.training.plan import Sampling
from kanpde.training.strategies.window_problem import HANDED

# Held-out points for each collocation point; they are also the pool for focused sampling.
POOL = 4
# Focused points stand for at most this many times fewer even ones.
_EVEN_SHARE = 0.5
# Rows for each parameter at the start and at most, and the fewest points, where the plan names
# no number.
_ROWS = 3.0
_MOST_ROWS = 12.0
_FEWEST = 1000
# Entries of the Jacobian at most: 0.8 GB.
_ENTRIES = 100_000_000
# Beyond so many parameters there are so few rows, solved in residual space and new at each step.
_LARGE = 10_000
_FEW_ROWS = 1000
_BALANCE_RANGE = (1e-2, 1e5)


class Sampler:
    """Draws points for the trained equations of a problem and binds rows to them."""

    def __init__(
        self,
        problem: Problem,
        ansatz: Ansatz,
        sampling: Sampling,
        seed: int,
        workers: Workers = SERIAL,
    ) -> None:
        self.sampling, self.workers = sampling, workers
        self.sets = [EquationSet(problem, ansatz, g) for g in group(ansatz.trained)]
        self.names = list(dict.fromkeys(e.condition for s in self.sets for e in s.equations))
        self.scales = dict.fromkeys(self.names, 1.0)
        self.rows = _ROWS
        self._seeds = np.random.SeedSequence(seed)
        self._pools: list[tuple[Tensor, Tensor] | None] = [None] * len(self.sets)

    def _seed(self) -> int:
        (child,) = self._seeds.spawn(1)
        return int(child.generate_state(1)[0])

    def _count(self, system: EquationSet, network: KAN) -> int:
        region = system.equations[0].region
        interior = self.sampling.points
        if interior is None:
            rows = max(sum(e.is_interior for s in self.sets for e in s.equations), 1)
            size = network.parameter_count
            interior = max(_FEWEST, int(self.rows * size) // rows)
            most = _ENTRIES // size if size <= _LARGE else _FEW_ROWS
            interior = min(interior, most // rows)
        if isinstance(region, Box):
            return interior
        if isinstance(region, Face):
            return max(16, interior // 8) if region.free else 1
        return len(region.coordinates)

    def _points(self, system: EquationSet, count: int, like: Tensor) -> Tensor:
        region = system.equations[0].region
        values = (
            region.sample(count, self._seed()) if isinstance(region, Face) else region.coordinates
        )
        return torch.from_numpy(values).to(like)

    def _weights(self, system: EquationSet, importance: Tensor) -> list[Tensor]:
        n = len(importance)
        return [
            torch.sqrt(importance * (e.weight * self.scales[e.condition] / n))
            for e in system.equations
        ]

    def held_out(self, network: KAN) -> dict[str, float]:
        """The loss of each condition on fresh points; they become the pool of `draw`."""
        like = network.stack[0].coefficients.detach()
        losses = dict.fromkeys(self.names, 0.0)
        for k, system in enumerate(self.sets):
            rows = self._even(system, network, POOL * self._count(system, network), like)
            squares = rows.residual(network).square()
            for equation, value in zip(system.equations, squares.sum(1).tolist(), strict=True):
                losses[equation.condition] += 0.5 * value
            self._pools[k] = rows.points, squares.sum(0).sqrt()
        return losses

    def rows_at(self, network: KAN, count: int) -> list[BoundRows]:
        """Every trained equation at about `count` even points."""
        like = network.stack[0].coefficients.detach()
        return [
            self._even(system, network, min(count, self._count(system, network)), like)
            for system in self.sets
        ]

    def _even(self, system: EquationSet, network: KAN, count: int, like: Tensor) -> BoundRows:
        points = self._points(system, count, like)
        weights = self._weights(system, torch.ones_like(points[:, 0]))
        return system.at(network, points, weights, self.workers)

    def draw(self, network: KAN) -> ResidualSystem:
        """Rows at new points, focused where the held-out residual is concentrated."""
        like = network.stack[0].coefficients.detach()
        rows = []
        for k, system in enumerate(self.sets):
            pool = self._pools[k]
            points, importance = self._focused(system, network, pool) if pool else (None, None)
            if points is None or importance is None:
                points = self._points(system, self._count(system, network), like)
                importance = torch.ones_like(points[:, 0])
            weights = self._weights(system, importance)
            rows.append(system.at(network, points, weights, self.workers))
        return ResidualSystem(network, rows, self.workers)

    def _focused(
        self, system: EquationSet, network: KAN, pool: tuple[Tensor, Tensor]
    ) -> tuple[Tensor | None, Tensor | None]:
        points, size = pool
        square = size.square()
        kurtosis = float(square.square().mean() / square.mean().square().clamp_min(1e-300))
        if not isinstance(system.equations[0].region, Box) or not kurtosis > self.sampling.focus:
            return None, None
        density = _EVEN_SHARE + (1 - _EVEN_SHARE) * size / size.mean()
        count = self._count(system, network)
        # Systematic resampling: one point in each of `count` equal slices of the density.
        shift = np.random.default_rng(self._seed()).random()
        levels = (torch.arange(count, dtype=density.dtype) + shift) / count
        slices = torch.cumsum(density, 0) / density.sum()
        chosen = torch.searchsorted(slices.cpu(), levels).clamp_max(len(points) - 1)
        chosen = chosen.to(points.device)
        return points[chosen], 1 / density[chosen]

    def widen(self, held_out: float, trained: float) -> None:
        """Take more points where training has fitted the present ones alone.

        With 3 rows a parameter Burgers stayed at an error of 2e-5, with 8 it reached 6e-7, and
        the first 40 steps gained nothing from them: so the gap between the losses decides.
        """
        if held_out > 2 * trained:
            self.rows = min(1.5 * self.rows, _MOST_ROWS)

    def rebalance(self, network: KAN) -> None:
        """Weight the conditions so that each has an equal trace in J J^T.

        The neural tangent kernel rule (Wang, Yu & Perdikaris, 2022, eq. 6.5); J is at hand.
        """
        if len(self.names) < 2:
            return
        system = self.draw(network)
        traces = dict.fromkeys(self.names, 0.0)
        extended = set()
        for rows, trace in zip(system.rows, system.traces(), strict=True):
            equation = rows.system.equations[0]
            traces[equation.condition] += trace
            if isinstance(equation.region, Face) and equation.region.free:
                extended.add(equation.condition)
        largest = max(t for name, t in traces.items() if not name.startswith(HANDED))
        low, high = _BALANCE_RANGE
        for name, trace in traces.items():
            if trace > 0 and name.startswith(HANDED):
                # Initial data: in a time of 1e-6 they fell below the damping, and a heat equation
                # "converged" to an error of 0.24.
                self.scales[name] *= largest / trace
                continue
            # A gauge at one point is met whatever its weight; a large one only spoils the
            # condition of J^T J (Kovasznay: 1e-6 in the place of 5e-8 after 90 steps).
            if trace > 0 and name in extended:
                factor = float(np.clip(largest / trace, low, high))
                self.scales[name] *= factor

    def points_by_condition(self, network: KAN) -> dict[str, Array]:
        """One draw of collocation points for each condition, to look at."""
        found: dict[str, list[Array]] = {}
        for rows in self.draw(network).rows:
            for name in dict.fromkeys(e.condition for e in rows.system.equations):
                found.setdefault(name, []).append(rows.points.cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def check(self, network: KAN) -> None:
        """Evaluate every residual once; raises KanpdeError, naming the condition, for NaN."""
        for name, loss in self.held_out(network).items():
            if not np.isfinite(loss):
                raise KanpdeError(
                    f'condition "{name}": its residual is not finite at some points of the box; '
                    "look for a division by zero, a log or root of what may be negative"
                )
