"""Starts for problem files: each equation on each shape is understood and takes steps."""

from pathlib import Path

import pytest

import kanpde
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.problem.loading import load_problem
from kanpde.problem.starts import list_starts, write_start
from kanpde.problem.wellposed import find_uncovered
from kanpde.training.stages.least_squares import LeastSquares

EQUATIONS, SHAPES = list_starts("equations"), list_starts("shapes")
PAIRS = [
    (equation, shape)
    for equation, pose in EQUATIONS.items()
    for shape, outline in SHAPES.items()
    if pose.parent.name in ("any", outline.parent.name)
]
FEW = [("heat", "disc"), ("poisson", "l_shape")]


def test_all_pairs_are_offered() -> None:
    plane = [name for name, path in SHAPES.items() if path.parent.name == "plane"]
    assert len(PAIRS) == 6 * len(SHAPES) + len(plane) == 73


def take_steps(equation: str, shape: str, folder: Path) -> kanpde.Solution:
    """A few steps of a small network."""
    problem = load_problem(write_start(equation, shape, folder / f"{equation}_{shape}.py"))
    assert not find_uncovered(problem)
    plan = kanpde.Plan(
        widths=(4,),
        stages=(LeastSquares(steps=4),),
        sampling=kanpde.Sampling(points=300),
        windows=1,
        budget=100,
    )
    return kanpde.solve(problem, plan, progress=False)


@pytest.mark.parametrize(("equation", "shape"), FEW)
def test_a_start_takes_steps(equation: str, shape: str, tmp_path: Path) -> None:
    assert take_steps(equation, shape, tmp_path).steps > 0


@pytest.mark.parametrize("equation", EQUATIONS)
def test_an_equation_takes_steps_on_each_shape(equation: str, tmp_path: Path) -> None:
    for shape in (shape for other, shape in PAIRS if other == equation):
        assert take_steps(equation, shape, tmp_path).steps > 0, shape


def test_each_file_of_an_equation_is_a_problem_and_each_file_of_a_shape_runs() -> None:
    for path in EQUATIONS.values():
        assert load_problem(path).fields
    for path in SHAPES.values():
        names: dict[str, object] = {}
        exec(path.read_text(encoding="utf-8"), names)
        assert isinstance(names["body"], Domain)


@pytest.mark.parametrize(
    ("equation", "shape", "words"),
    [
        ("heat", "disk", "did you mean disc?"),
        ("heat", "klein-bottle", "it is one of disc"),
        ("het", "disc", "did you mean heat?"),
        ("cavity", "disc", "has a domain of its own; it is one of"),
        ("elasticity", "ball", "does not fit --shape ball; take one of disc"),
        ("nothing", "disc", "there is no shipped problem nothing"),
    ],
)
def test_what_does_not_exist_or_fit_is_told_with_what_does(
    equation: str, shape: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(KanpdeError) as caught:
        write_start(equation, shape, tmp_path / "p.py")
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_start_overwrites_nothing(tmp_path: Path) -> None:
    path = write_start("poisson", "plate-with-hole", tmp_path / "p.py")
    with pytest.raises(KanpdeError, match="exists"):
        write_start("poisson", "disc", path)
    assert "plate - hole" in path.read_text(encoding="utf-8")
