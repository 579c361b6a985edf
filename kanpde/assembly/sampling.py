"""How many points a problem is trained at, and where: the choices, with what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kanpde.checks import require_number, require_whole
from kanpde.errors import KanpdeError


@dataclass(frozen=True)
class Sampling:
    """Collocation points: `points` in the interior, an eighth of that on each face.

    By default the interior has three rows for each parameter of the network, and more when these
    are fitted better than the points between them. Every `every` steps new points are drawn, and at
    each step where they are fewer than the parameters. Where the residual is concentrated (its
    kurtosis exceeds `focus`), they are drawn with a density that half follows its magnitude, and
    weighted by the inverse, so that the loss keeps its meaning. Where it is not, even Sobol points
    are better: measured on Poisson, an error of 3e-8 instead of 1.3e-7.
    """

    points: int | None = None
    every: int = 10
    focus: float = 8.0

    def __post_init__(self) -> None:
        if self.points is not None:
            require_whole("Sampling: points", self.points, 1)
        require_whole("Sampling: every", self.every, 1)
        if not (isinstance(self.focus, float) and self.focus == math.inf):  # never: even points
            require_number("Sampling: focus", self.focus, least=0)
        if self.points is not None and self.points > MOST_POINTS:
            raise KanpdeError(
                f"Sampling: {self.points} points are more than a step can hold; take at most "
                f"{MOST_POINTS}"
            )


# Their coordinates, jets and rows alone would take tens of GB.
MOST_POINTS = 2_000_000


@dataclass(frozen=True)
class RowPolicy:
    """How many rows a step has if the plan names no number of points."""

    # Rows for each parameter at the start and at most, and the fewest points. With 3 rows a
    # parameter Burgers stayed at an error of 2e-5, with 8 it reached 6e-7, and the first 40 steps
    # gained nothing from them: so they grow when the held-out loss leaves the training loss.
    rows: float = 3.0
    most_rows: float = 12.0
    growth: float = 1.5
    gap: float = 2.0
    fewest: int = 1000
    # Entries of the Jacobian at most: 0.8 GB.
    entries: int = 100_000_000
    # Beyond so many parameters there are so few rows, solved in residual space and new at each
    # step.
    large: int = 10_000
    few_rows: int = 1000
    # Held-out points for each collocation point; they are also the pool for focused sampling.
    pool: int = 4
    # The fewest points of a quadrature: with 1,000 Poisson's energy led to an error of 0.45 at
    # random points and of 5e-5 at Gauss points, with 4,000 to 4e-8.
    quadrature: int = 4000
    # The even part of the density of focused points; the rest follows the residual.
    even_share: float = 0.5

    def interior(
        self, rows: float, parameters: int, equations: int, seen: int | None = None
    ) -> int:
        """Points in the interior for a network and a number of equations there.

        Of the parameters a row depends on `seen`, by default on all.
        """
        seen = parameters if seen is None else seen
        wanted = max(self.fewest, int(rows * parameters) // equations)
        most = self.entries // seen if seen <= self.large else self.few_rows
        return min(wanted, most // equations)


ROW_POLICY = RowPolicy()
