"""Terms: the summands of a loss, which are squares of residuals or integrals of densities.

A term stands on one region and is compiled once; bound to points it gives rows for the optimiser.
Code that sums, balances or evaluates terms does not know which kind they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from kanpde.assembly.field_jets import FieldJets
from kanpde.assembly.workers import Workers
from kanpde.network.network import Linearization, Network, find_blocks, is_sparse
from kanpde.problem.equations import Equation
from kanpde.symbols.expression import NormalSymbol

# Samples in a block of the reverse pass: few enough that its features and Jacobian stay in the
# caches.
BLOCK = 1536
# Blocks of parameters, of subdomains, that a block of samples may see for each such number of them:
# of 16 cells a step took 2.0 s of CPU with blocks of 1,536 samples, and 1.4 s with 6,144.
_SEEN = 4


@dataclass(frozen=True)
class Linearized:
    """A block of n points: the network's jet there, and rows with their pullbacks.

    Row k has the value `residuals[k]` (n,) and the cotangent `cotangents[k]` of the network's jet.
    For an energy, `energy` is its value, and `metric` (rows, rows, n) holds factors L of the second
    derivatives L L^T of its density.
    """

    jet: Linearization
    residuals: Sequence[Tensor]
    cotangents: Sequence[Tensor]
    energy: float | None = None
    metric: Tensor | None = None


class Term(ABC):
    """Equations of one region, compiled."""

    equations: tuple[Equation, ...]
    fieldjets: FieldJets
    # The components of the normal that the equations hold.
    normals: tuple[NormalSymbol, ...] = ()

    @abstractmethod
    def at(
        self, network: Network, points: Tensor, weights: Sequence[Tensor], workers: Workers
    ) -> BoundTerm:
        """The term at points, with a weight (N,) for each equation.

        Points are (N, dimension), with a column more for each of `normals`.
        """

    def at_part(
        self,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        part: slice,
        workers: Workers,
    ) -> BoundTerm:
        """The term at a part of its points, `points`, which are the slice `part` of all."""
        return self.at(network, points, weights, workers)


class BoundTerm(ABC):
    """A term at points: coordinates, lifts, masks and the network's inputs are kept.

    `places` are the points with the columns of the normals.
    """

    def __init__(
        self,
        term: Term,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers,
    ) -> None:
        self.columns = [c.contiguous() for c in points.unbind(1)]
        self.places = points
        points = points[:, : points.shape[1] - len(term.normals)]
        self.term, self.points, self.weights = term, points, tuple(weights)
        self.workers = workers
        self.lifts, self.masks = term.fieldjets.constants(points)
        self.inputs = network.inputs_at(points, term.fieldjets.jets)
        parts = len(find_blocks(network)) // _SEEN if is_sparse(network) else 1
        self._block = BLOCK * max(parts, 1)

    @property
    @abstractmethod
    def count(self) -> int:
        """The number of rows."""

    @property
    def is_energy(self) -> bool:
        """Whether its loss is an energy, and not half the square of its rows."""
        return False

    @property
    def is_sum(self) -> bool:
        """Whether each of its rows is a sum over all points, which has no factors."""
        return False

    @cached_property
    def blocks(self) -> list[slice]:
        """The points of each block."""
        return self.workers.slices(len(self.points), self._block)

    @abstractmethod
    def evaluate(self, network: Network) -> tuple[Tensor, float | None]:
        """The rows (k, N), and the energy where it is one."""

    @abstractmethod
    def linearized(self, network: Network, at: slice) -> Linearized:
        """One block with its pullbacks."""

    def jet(self, network: Network, at: slice) -> Tensor:
        """The network's jet (A, outputs, n) at a block."""
        return network.jet_from(self.inputs[..., at], self.term.fieldjets.jets)

    def arguments(self, jet: Tensor, at: slice) -> list[Tensor]:
        """Coordinates, normals, field derivatives (n,) of a block, as compiled functions do."""
        lifts, masks = [v[at] for v in self.lifts], [v[at] for v in self.masks]
        return [c[at] for c in self.columns] + self.term.fieldjets.fields(jet, lifts, masks)
