"""What docs/architecture.md says of new parts: each toy here is what one new file would hold."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kanpde
from kanpde import (
    Box,
    Chebyshev,
    Condition,
    LeastSquares,
    Plan,
    Problem,
    Reference,
    d,
    exact,
    pi,
    sin,
)
from kanpde.geometry.domain import Domain, Region, Sample
from kanpde.network.bases.basis import Basis
from kanpde.output import export
from kanpde.output.export.format import Facts, Format
from kanpde.output.fields import sample_fields
from kanpde.problem.conditions.base import Statement
from kanpde.problem.equations import Equation
from kanpde.problem.fields import Fields
from kanpde.solution.grid_data import GridData
from kanpde.solution.solution import Solution
from kanpde.training.automatic import Automatic
from kanpde.training.session import Session
from kanpde.training.stages.stage import SteppingStage
from kanpde.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = Plan((6,), Chebyshev(5), (LeastSquares(25),), tolerance=0, budget=300)


def poisson(interior: Callable[[Box], Any] = lambda box: box, **options: Any) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    source = 2 * pi**2 * sin(pi * x) * sin(pi * y)
    return Problem(
        box,
        "u",
        [
            Condition("poisson", interior(box), lambda u: d(u, x, x) + d(u, y, y) + source),
            Condition("walls", box.faces(), lambda u: u),
        ],
        **{"reference": SINES, **options},
    )


# --- a reference ----------------------------------------------------------------------------

SINES = Reference(
    evaluate=lambda x, y: {"u": np.sin(np.pi * x) * np.sin(np.pi * y)},
    fields=("u",),
    method="a product of sines",
    error=0.0,
)


# --- a basis --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Monomials(Basis):
    """x, x^2, ..., x^degree."""

    degree: int = 5

    @property
    def size(self) -> int:
        return self.degree

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        out = []
        for m in range(order + 1):
            rows = []
            for k in range(1, self.degree + 1):
                factor = float(np.prod([k - j for j in range(m)]))
                rows.append(factor * x ** max(k - m, 0) if k >= m else torch.zeros_like(x))
            out.append(torch.stack(rows))
        return out

    def decay(self) -> Tensor:
        return 1 / torch.arange(1, self.degree + 1, dtype=torch.float64) ** 2

    def extended(self) -> "Monomials":
        return replace(self, degree=self.degree + 2)


def test_a_basis() -> None:
    solution = kanpde.solve(poisson(), replace(PLAN, basis=Monomials()))
    assert solution.errors["u"].rel_l2 < 1e-3


# --- a stage --------------------------------------------------------------------------------


@dataclass(frozen=True)
class GradientDescent(SteppingStage):
    """Steps down the gradient, of a length that is halved where they fail."""

    steps: int = 50

    def label(self, trainer: Trainer) -> str:
        return "gradient descent"

    def take(self, trainer: Trainer) -> Iterator[str | None]:
        rate, system, theta = 1e-3, trainer.draw_system(), trainer.network.flat()
        loss, slope = system.gradient(theta)
        for _ in range(self.steps):
            moved = theta - rate * slope
            tried, next_slope = system.gradient(moved)
            if tried < loss:
                theta, loss, slope, rate = moved, tried, next_slope, 1.5 * rate
            else:
                rate /= 4
            trainer.accept(theta, loss)
            yield None


def test_a_stage() -> None:
    solution = kanpde.solve(poisson(), replace(PLAN, stages=(GradientDescent(), LeastSquares(15))))
    assert solution.trace["stage"][0] == "gradient descent"
    losses = solution.trace["loss"][solution.trace["stage"] == "gradient descent"]
    assert min(losses) < 0.5 * losses[0]
    assert solution.errors["u"].rel_l2 < 1e-2


# --- a region -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disc(Region):
    """The points of a box within a circle, in its first two coordinates."""

    domain: Domain
    x: float
    y: float
    radius: float
    label: str = field(default="a disc", init=False)
    dimension: int = field(default=2, init=False)
    is_interior: bool = field(default=True, init=False)

    @property
    def measure(self) -> float:
        return np.pi * self.radius**2

    def count(self, interior: int) -> int:
        return interior

    def sample(self, count: int, seed: int) -> Sample:
        unit = np.random.default_rng(seed).random((count, 2))
        r, angle = self.radius * np.sqrt(unit[:, 0]), 2 * np.pi * unit[:, 1]
        points = np.stack([self.x + r * np.cos(angle), self.y + r * np.sin(angle)], 1)
        return Sample(points, np.full(count, self.measure / count))

    def within(self, domain: Domain) -> "Disc":
        return replace(self, domain=domain)

    def key(self) -> Hashable:
        return self.domain.key(), self.x, self.y, self.radius

    def to_data(self) -> dict[str, Any]:
        return {"disc": [self.x, self.y, self.radius]}


def test_a_region() -> None:
    """The equation in a disc alone: the walls and the smooth extension determine the rest there."""
    whole = kanpde.solve(poisson(), PLAN)
    problem = poisson(lambda box: Disc(box, 0.5, 0.5, 0.5))
    solution = kanpde.solve(problem, PLAN)
    points = problem.equations[0].region.sample(500, 1).points
    (u,) = solution.evaluate(points).values()
    truth = SINES.evaluate(x=points[:, 0], y=points[:, 1])["u"]
    assert np.linalg.norm(u - truth) < 0.05 * np.linalg.norm(truth)
    assert whole.errors["u"].rel_l2 < 1e-3


# --- a condition ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Symmetric(Statement):
    """u_x = 0 on a face: what a mirror does."""

    name: str
    region: Region
    field: str

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        end = self.region.end
        assert end is not None
        slope = fields.derivative(f"{self.field}_{end[0]}")
        return [Equation(self.name, self.region, slope, 1.0)]

    def within(self, domain: Domain) -> "Symmetric | None":
        region = self.region.within(domain)
        return None if region is None else replace(self, region=region)

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        return {"name": self.name, **self.region.to_data(), "symmetric": self.field}


def test_a_condition() -> None:
    box = Box(x=(0, 0.5))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("bar", box, lambda u: d(u, x, x) + pi**2 * sin(pi * x)),
            Condition("held", box.face(x=0), lambda u: u),
            Symmetric("mirror", box.face(x=0.5), "u"),
        ],
        reference=exact(u=lambda x: np.sin(np.pi * x)),
    )
    assert kanpde.solve(problem, PLAN).errors["u"].rel_l2 < 1e-6


# --- a file format --------------------------------------------------------------------------


def write_npz(folder: Path, grid: GridData, facts: Facts) -> Path:
    path = folder / "fields.npz"
    np.savez(path, **dict(grid.axes), **dict(grid.fields))
    return path


def test_a_file_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Format("npz", "NumPy", write_npz)
    solution = kanpde.solve(poisson(), replace(PLAN, stages=(LeastSquares(2),)))
    path = made.write(tmp_path, sample_fields(solution), {"seconds": 1.0})
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["u"].shape == (len(arrays["x"]), len(arrays["y"]))
    assert "npz" not in export.FORMATS


# --- a strategy -----------------------------------------------------------------------------


@dataclass(frozen=True)
class BestOfSeeds:
    """Several seeds, one after the other; the smallest estimated error is kept."""

    seeds: int = 2

    def solve(self, problem: Problem, session: Session, start: Solution | None) -> Solution:
        found = [
            Automatic().solve(problem, replace(session, seed=session.seed + k), start)
            for k in range(self.seeds)
        ]
        return min(found, key=lambda s: np.inf if s.estimate is None else s.estimate)


def test_a_strategy() -> None:
    plan = replace(PLAN, stages=(LeastSquares(12),))
    best = kanpde.solve(poisson(), replace(plan, strategy=BestOfSeeds()))
    alone = kanpde.solve(poisson(), plan)
    assert best.estimate is not None
    assert alone.estimate is not None
    assert best.estimate <= alone.estimate * (1 + 1e-9)
    assert best.errors["u"].rel_l2 < 1e-3


# --- a network ------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoLayers:
    """An architecture: a tanh network whose width follows the number of inputs."""

    width: int

    def build(self, coordinates: Any, outputs: int, generator: torch.Generator) -> Any:
        return kanpde.MLP((self.width * coordinates.inputs,) * 2).build(
            coordinates, outputs, generator
        )


def test_an_architecture() -> None:
    solution = kanpde.solve(poisson(), replace(PLAN, network=TwoLayers(4)))
    assert solution.errors["u"].rel_l2 < 1e-2


def test_the_document_names_each_of_these() -> None:
    text = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    for kind in (
        "basis",
        "stage",
        "region",
        "condition",
        "format",
        "strategy",
        "reference",
        "network",
    ):
        assert f"- **A {kind}**" in text
    assert "tests/test_extending.py" in text
