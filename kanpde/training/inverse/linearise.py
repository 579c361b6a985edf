"""Equations and readings of a network, linearised, and split into state and what is sought."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from kanpde.arrays import AnyArray, Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.rows import EquationSet
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm
from kanpde.network.composite import Composite
from kanpde.network.constant import Constant
from kanpde.network.enriched import Enriched
from kanpde.network.expansion import Expansion
from kanpde.network.lawful import Lawful
from kanpde.network.network import Network
from kanpde.optim.constrained import Rows
from kanpde.optim.evidence import Prior
from kanpde.optim.normal import NormalEquations
from kanpde.problem.conditions.smooth import Smooth
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.training.inverse.readings import Readings
from kanpde.training.session import Session

# Points at which the smoothness of a field is measured.
_PRIOR_POINTS = 1500


@dataclass(frozen=True)
class Layout:
    """Where what is sought stands among the parameters of a network.

    `places` has that of each number, `slopes` the derivative of each by its parameter; `blocks` has
    the coefficients of each sought field. `kept` are the parameters that take part: polynomials
    that enrich what is sought would double it.
    """

    places: dict[str, int]
    slopes: dict[str, float]
    blocks: dict[str, range]
    kept: AnyArray

    def indices(self, names: Sequence[str]) -> dict[str, Sequence[int]]:
        """The parameters of each of these numbers and fields."""
        return {n: self.blocks[n] if n in self.blocks else [self.places[n]] for n in names}


def find_layout(problem: Problem, network: Network) -> Layout:
    """The layout of a network of the problem, or of one that is enriched."""
    if isinstance(network, Lawful):
        inner_layout = find_layout(problem, network.network)
        own = dict(zip(problem.laws, network.blocks(), strict=True))
        rest = np.ones(network.parameter_count - len(inner_layout.kept), bool)
        kept = np.concatenate([inner_layout.kept, rest])
        return replace(inner_layout, blocks={**inner_layout.blocks, **own}, kept=kept)
    inner = network.network if isinstance(network, Enriched) else network
    places, slopes, blocks = {}, {}, {}
    for start, member, fields in _members(inner):
        if isinstance(member, Expansion):
            (field,) = fields
            blocks[problem.unknowns[field]] = range(start, start + member.parameter_count)
        if isinstance(member, Constant):
            for k, field in enumerate(fields):
                if field < len(problem.unknowns):
                    places[problem.unknowns[field]] = start + k
                    slopes[problem.unknowns[field]] = float(member.slopes[k])
    kept = np.ones(network.parameter_count, bool)
    if isinstance(network, Enriched):
        start = inner.parameter_count
        for output, basis in enumerate(network.bases):
            end = start + basis.size
            kept[start:end] = output >= len(problem.unknowns) or not (
                problem.unknowns[output] in places or problem.unknowns[output] in blocks
            )
            start = end
    return Layout(places, slopes, blocks, kept)


def _members(network: Network) -> Iterator[tuple[int, Network, tuple[int, ...]]]:
    """The start among the parameters of each network that is a part, the network, its outputs."""
    if isinstance(network, Composite):
        start = 0
        for member, part in network.members:
            yield start, member, part.fields
            start += member.parameter_count


class Linearisation:
    """Draws points for the equations alone, and linearises them and the readings."""

    def __init__(
        self,
        problem: Problem,
        ansatz: Ansatz,
        session: Session,
        seed: int,
        planned: Sequence[Equation] = (),
    ) -> None:
        """`planned` are readings that the problem does not have yet."""
        self.problem, self.session = problem, session
        self.readings = Readings(problem, ansatz, planned)
        trained = [e for e in ansatz.trained if e.observed is None]
        laws = tuple(e for e in trained if e.kind is not Kind.PRIOR)
        self._priors = [
            (s.field, EquationSet(problem, ansatz, problem.equations_of(s)))
            for s in problem.conditions
            if isinstance(s, Smooth)
        ]
        self.sampler = Sampler(
            problem, replace(ansatz, trained=laws), session.plan.sampling, seed, session.workers
        )

    def draw(self, network: Network) -> ResidualSystem:
        """The equations at new points."""
        return self.sampler.draw(network)

    def at(self, network: Network, system: ResidualSystem, sought: list[str]) -> Rows:
        """All of it at the present parameters of a network; `sought` are names of numbers."""
        layout = find_layout(self.problem, network)
        normal = system.squares(network.flat())
        misfit, jacobian = self.readings.linearise(network)
        mark = np.zeros(network.parameter_count, bool)
        indices = layout.indices(sought)
        mark[[k for own in indices.values() for k in own]] = True
        kept, chosen = layout.kept, np.flatnonzero(mark).tolist()
        numbers = {layout.places[n]: n for n in sought if n in layout.places}
        sizes = [self._size(network, layout, numbers[k]) if k in numbers else 1.0 for k in chosen]
        priors = [
            self._prior(network, term, np.searchsorted(chosen, list(indices[name])), len(chosen))
            for name, term in self._priors
        ]
        return Rows(
            _symmetric(normal)[np.ix_(kept, kept)],
            normal.gradient.cpu().numpy()[kept],
            2 * normal.loss,
            len(normal.residual),
            jacobian[:, kept],
            misfit,
            mark[kept],
            np.array(sizes),
            np.isin(chosen, list(numbers)),
            priors,
        )

    def _prior(self, network: Network, term: EquationSet, places: AnyArray, count: int) -> Prior:
        """The mean square of a field's second derivatives by its coefficients."""
        rows = self._bind(network, term, 1.0)
        columns = find_layout(self.problem, network).blocks[term.equations[0].jets[0].field]
        matrix, slope, value = np.zeros((count, count)), np.zeros(count), 0.0
        for block in rows.blocks:
            found = rows.linearized(network, block)
            for residual, cotangent in zip(found.residuals, found.cotangents, strict=True):
                jacobian = residual.new_empty(network.parameter_count, len(residual))
                found.jet.jacobian(cotangent, jacobian)
                own = jacobian[columns.start : columns.stop]
                matrix[np.ix_(places, places)] += (own @ own.T).cpu().numpy()
                slope[places] += (own @ residual).cpu().numpy()
                value += float(residual @ residual)
        return Prior(matrix, slope, value)

    def prior_rows(self, network: Network, strengths: Sequence[float]) -> list[BoundTerm]:
        """The priors as rows whose squares are summed, with these strengths."""
        pairs = zip(self._priors, strengths, strict=True)
        return [self._bind(network, term, strength) for (_, term), strength in pairs]

    def _bind(self, network: Network, term: EquationSet, strength: float) -> BoundTerm:
        sample = term.equations[0].region.quadrature(_PRIOR_POINTS, 0)
        weight = torch.from_numpy(np.sqrt(strength * sample.weights / sample.weights.sum()))
        points = torch.from_numpy(sample.points).to(network.like)
        return term.at(network, points, [weight.to(network.like)] * len(term.equations))

    def _size(self, network: Network, layout: Layout, name: str) -> float:
        """By how much the parameter of a number changes where the number changes by its size."""
        starts = {number.name: number.sympy for number in self.problem.numbers}
        if name in starts and any(map(math.isfinite, starts[name].ends)):
            return 1.0
        value = abs(float(network.flat()[layout.places[name]]))
        return max(value, abs(starts[name].start) if name in starts else 0.0) or 1.0


def _symmetric(normal: NormalEquations) -> Array:
    upper = np.triu(normal.matrix.cpu().numpy())
    return np.asarray(upper + np.triu(upper, 1).T)


def expand(kept: AnyArray, values: Array) -> torch.Tensor:
    """A vector of the parameters that take part as one of all."""
    whole = np.zeros((len(kept), *values.shape[1:]))
    whole[kept] = values
    return torch.from_numpy(whole)
