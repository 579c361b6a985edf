"""Time in windows: what each is asked for, what they give together, and what is kept of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import kanpde
from kanpde import (
    Adam,
    Box,
    Broyden,
    Chebyshev,
    Condition,
    KanpdeError,
    LeastSquares,
    Periodic,
    Plan,
    Problem,
    Sampling,
    Solution,
    d,
    exact,
    observe,
    pi,
    sin,
)
from kanpde.geometry.points import Points
from kanpde.solution.model_file import load_model, save_model
from kanpde.solution.pieces import Piece
from kanpde.training.clock import Clock
from kanpde.training.session import Progress
from kanpde.training.stages.stage import Stage
from kanpde.training.strategies.time_windows import HANDED
from kanpde.training.strategies.window_problem import (
    can_be_cut,
    handed_names,
    orders_in_time,
    restrict_problem,
)

pytestmark = pytest.mark.usefixtures("one_thread", "counted_time")

# Seconds that a step counts as, instead of those on the clock of a loaded machine.
STEP = 0.05


def count_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time go on with the steps alone, so that every machine takes the same ones."""
    now = [0.0]
    tick = Clock.tick

    def count(self: Clock) -> None:
        now[0] += STEP
        tick(self)

    monkeypatch.setattr(Clock, "tick", count)
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("kanpde.training.clock.time", clock)


@pytest.fixture
def counted_time(monkeypatch: pytest.MonkeyPatch) -> None:
    count_time(monkeypatch)


def oscillator(end: float = 20.0) -> Problem:
    """u'' = -u for several periods, with u(0) = 1 at rest."""
    box = Box(t=(0, end))
    (t,) = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("oscillator", box, lambda u: d(u, t, t) + u),
            Condition("start", box.face(t=0), lambda u: (u - 1, d(u, t))),
        ],
        reference=exact(u=lambda t: np.cos(t)),
    )


def transport() -> Problem:
    """A wave that goes around a ring two and a half times."""
    box = Box(x=(0, 1), t=(1, 3.5))
    x, t = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("transport", box, lambda u: d(u, t) + d(u, x)),
            Condition("start", box.face(t=1), lambda u: u - sin(2 * pi * (x - 1))),
            Periodic(x),
        ],
        reference=exact(u=lambda x, t: np.sin(2 * np.pi * (x - t))),
    )


def growth() -> Problem:
    """u' = 3 u: what a window inherits grows."""
    box = Box(t=(0, 2))
    (t,) = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("growth", box, lambda u: d(u, t) - 3 * u),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
        reference=exact(u=lambda t: np.exp(3 * t)),
    )


def small(windows: int | None, budget: float = 30.0, tolerance: float = 1e-5) -> Plan:
    return Plan(
        widths=(8,),
        basis=Chebyshev(5),
        stages=(LeastSquares(),),
        sampling=Sampling(points=200),
        budget=budget,
        tolerance=tolerance,
        windows=windows,
    )


def end_of(piece: Piece) -> float:
    assert piece.domain.time is not None
    return piece.domain.time.upper


def covers_a_window(solution: Solution) -> bool:
    """Whether the last network is that of a window, and not one for all times."""
    return solution.pieces[-1].domain.key() != solution.problem.domain.key()


# --- the problem on a window ----------------------------------------------------------------


def everything() -> Problem:
    box = Box(x=(0, 1), t=(0, 2))
    x, t = box.axes
    return Problem(
        box,
        "u v",
        [
            Condition("both", box, lambda u, v: (d(u, t, t) - v, d(v, x, x) + u)),
            Condition("start", box.face(t=0), lambda u: (u - x, d(u, t))),
            Condition("walls", box.faces(x), lambda v: v),
            Condition("corner", box.face(x=1, t=0), lambda u: u - 1),
            Condition("line", box.points(x=[0.1, 0.2, 0.3], t=[0, 1, 2]), lambda u, v: u - v),
            observe("probe", box.points(x=0.5, t=[0.0, 0.5, 1.0, 1.5]), u=[1, 2, 3, 4]),
        ],
    )


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        (0, 1, {"both": 0, "start": 0, "walls": 0, "corner": 0, "line": 2, "probe": 3}),
        (1, 2, {"both": 0, "walls": 0, "line": 1, "probe": 1}),
        (1.6, 2, {"both": 0, "walls": 0, "line": 1}),
    ],
)
def test_a_window_has_the_conditions_of_its_time(
    start: float, end: float, kept: dict[str, int]
) -> None:
    problem = everything()
    assert orders_in_time(problem) == {"u": 2, "v": 0}
    assert handed_names(problem) == ("u", "u_t")
    handed = [
        observe(f"{HANDED} ({name})", problem.box.points(x=[0.5], t=[start]), **{name: [1.0]})
        for name in handed_names(problem)
    ]
    part = restrict_problem(problem, start, end, handed if start else [])
    assert part.box.intervals == {"x": (0, 1), "t": (start, end)}
    found = {e.condition: e for e in part.equations}
    handed_over = {f"{HANDED} (u)", f"{HANDED} (u_t)"} if start else set()
    assert set(found) == set(kept) | handed_over
    for name, count in kept.items():
        region = found[name].region
        assert count == (len(region.coordinates) if isinstance(region, Points) else 0)


@pytest.mark.parametrize(
    "what",
    ["end condition", "no start", "no time", "periodic", "lift", "wave", "moving wall"],
)
def test_time_that_does_not_run_from_its_start_is_not_cut(what: str) -> None:
    box = Box(x=(0, 1), **{"y" if what == "no time" else "t": (0, 1)})
    x, t = box.axes
    start = Condition("start", box.face(**{t.name: 0}), lambda u: u - x)
    conditions = [Condition("law", box, lambda u: d(u, t) - d(u, x, x)), start]
    if what == "end condition":
        conditions.append(Condition("end", box.face(t=1), lambda u: u))
    if what == "no start":
        conditions.remove(start)
    if what == "wave":  # the velocity at the start is missing
        conditions.append(Condition("order two", box, lambda u: d(u, t, t) - u))
    if what == "moving wall":
        conditions.append(Condition("wall", box.face(x=0), lambda u: d(u, t, t) - d(u, x)))
    problem = Problem(
        box,
        "u",
        [*conditions, Periodic(t)] if what == "periodic" else conditions,
        lift={"u": x} if what == "lift" else {},
    )
    assert not can_be_cut(problem)
    if what != "no time":
        with pytest.raises(KanpdeError, match="windows"):
            kanpde.solve(problem, small(2))


def test_time_that_runs_from_its_start_can_be_cut() -> None:
    assert all(map(can_be_cut, [oscillator(), transport(), growth(), everything()]))


# --- marching -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [oscillator, transport, growth])
def test_windows_give_the_answer_and_an_estimate_with_what_they_inherit(make) -> None:
    solution = kanpde.solve(make(), small(5, 15, tolerance=1e-4))
    assert len(solution.pieces) - 1 >= 3
    error = solution.errors["u"].rel_l2
    assert error < 1e-3
    assert solution.estimate is not None
    assert error / 10 < solution.estimate < 10 * error + 1e-7
    assert any("windows" in note for note in solution.notes)
    ends = [end_of(p) for p in solution.pieces[:-1]]
    assert all(a < b for a, b in pairwise([solution.problem.box.intervals["t"][0], *ends]))
    assert solution.parameters == sum(part.network.parameter_count for part in solution.pieces)
    # Values and slopes go over continuously, and the residual is small on both sides.
    low, high = (
        [{**dict.fromkeys(solution.problem.box.names, 0.3), "t": e + s}]
        for s in (-1e-9, 1e-9)
        for e in ends[:1]
    )
    points = np.array([[p[n] for n in solution.problem.box.names] for p in (*low, *high)])
    values = solution.evaluate(points, ["u_t"])
    for name in ("u", "u_t"):
        scale = np.abs(values[name]).max() + 1
        assert abs(values[name][0] - values[name][1]) < 1e-2 * scale  # measured: at most 1.2e-3
    assert all(np.abs(r).max() < 1e-2 for r in solution.residuals(points).values())


def test_measurements_stand_beside_what_a_window_hands_over() -> None:
    times = np.linspace(1.0, 9.0, 9)
    problem = oscillator(10.0)
    measured = observe("sensor", problem.box.points(t=times), u=np.cos(times))
    problem = replace(problem, conditions=[*problem.conditions, measured])
    solution = kanpde.solve(problem, small(3, tolerance=1e-4))
    assert len(solution.pieces) - 1 >= 1
    assert solution.errors["u"].rel_l2 < 2e-3


def test_the_program_cuts_time_where_one_network_fails() -> None:
    problem = oscillator(100.0)
    one = kanpde.solve(problem, replace(small(1), stages=(LeastSquares(steps=30),)))
    assert len(one.pieces) == 1
    assert one.errors["u"].rel_l2 > 0.1
    solution = kanpde.solve(problem, small(None, budget=30, tolerance=1e-3))
    assert len(solution.pieces) > 1
    assert solution.errors["u"].rel_l2 < 1e-2


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_time_does_not_matter(scale: float) -> None:
    box = Box(x=(0, 1), t=(0, scale))
    x, t = box.axes
    k = 3 / np.pi**2 / scale
    problem = Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - k * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
        reference=exact(u=lambda x, t: np.exp(-3 * t / scale) * np.sin(np.pi * x)),
    )
    solution = kanpde.solve(problem, small(2, 12, tolerance=1e-4))
    error = solution.errors["u"].rel_l2
    assert error < 2e-3  # 1e-5 to 2e-4, by the processor; without weights for the start 0.24
    assert solution.estimate is not None
    assert solution.estimate > error / 20


def test_what_has_died_away_does_not_stop_the_march() -> None:
    box = Box(t=(0, 20))
    (t,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("decay", box, lambda u: d(u, t) + 5 * u),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
        reference=exact(u=lambda t: np.exp(-5 * t)),
    )
    solution = kanpde.solve(problem, small(4, 15, tolerance=1e-4))
    assert covers_a_window(solution)
    assert solution.errors["u"].max < 1e-3


def test_a_solution_that_ends_is_not_called_solved() -> None:
    box = Box(t=(0, 2))
    (t,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("blow-up", box, lambda u: d(u, t) - u**2),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
    )
    solution = kanpde.solve(problem, small(4, budget=6))
    assert "the solution exists" in solution.outcome.advice
    assert solution.solved_until == end_of(solution.pieces[-1])
    assert solution.solved_until < 1.1
    assert any("fields are NaN there" in note for note in solution.notes)
    assert np.isnan(solution(t=[1.5, 2.0])).all()
    assert np.isfinite(solution(t=[0.0, 0.3])).all()
    again = kanpde.solve(problem, small(4, budget=1), start=solution)
    assert again.solved_until is not None
    assert again.solved_until >= solution.solved_until


def stop_at_once(look: Progress) -> None:
    """Ctrl-C at the first look: a run of one step, on every machine."""
    raise KeyboardInterrupt


def test_a_window_that_is_not_solved_is_not_kept() -> None:
    first = kanpde.solve(oscillator(60.0), small(2), report=stop_at_once)
    assert first.outcome.status == "interrupted"
    assert len(first.pieces) == 1
    solution = kanpde.solve(oscillator(60.0), small(2, 30, tolerance=1e-3), start=first)
    assert solution.errors["u"].rel_l2 < 2e-2


class StopAt:
    """Ctrl-C once a window that begins at or after `time` has been looked at."""

    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self, look: Progress) -> None:
        if look.stage.startswith("t = ") and float(look.stage.split()[2]) >= self.time:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted() -> Iterator[Solution]:
    with pytest.MonkeyPatch.context() as patch:
        count_time(patch)
        yield kanpde.solve(oscillator(), small(5), report=StopAt(8.0))


def test_an_interrupted_march_keeps_its_windows_and_goes_on(
    interrupted: Solution, tmp_path: Path
) -> None:
    assert interrupted.outcome.status == "interrupted"
    ends = [end_of(p) for p in interrupted.pieces]
    assert ends[0] == 4
    assert 8 <= ends[-1] < 20
    assert interrupted.solved_until == ends[-1]
    t = np.linspace(0, ends[-1], 50)
    assert np.abs(np.asarray(interrupted(t=t)) - np.cos(t)).max() < 1e-3
    save_model(interrupted, tmp_path / "model.safetensors")
    start = replace(load_model(tmp_path / "model.safetensors"), problem=interrupted.problem)

    def at_once(solution: Solution) -> None:
        assert [end_of(p) for p in solution.pieces][: len(ends)] == ends

    kanpde.solve(oscillator(), small(5), start=start, save=at_once, report=stop_at_once)
    solution = kanpde.solve(oscillator(), small(5), start=start)
    assert [end_of(p) for p in solution.pieces[: len(ends)]] == ends
    assert covers_a_window(solution)
    assert solution.errors["u"].rel_l2 < 1e-3
    again = kanpde.solve(oscillator(), small(5, 20, tolerance=1e-9), start=solution)
    assert [end_of(p) for p in again.pieces[:-1]] == [end_of(p) for p in solution.pieces[:-1]]
    assert again.errors["u"].rel_l2 < 5 * solution.errors["u"].rel_l2
    other = kanpde.solve(oscillator(), replace(small(5), enforce=False), start=solution)
    assert other.errors["u"].rel_l2 < 1e-3


def test_windows_come_back_from_the_disk(interrupted: Solution, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(interrupted, path)
    points = np.linspace(0, 20, 101)[:, None]
    read = load_model(path)
    for name, value in interrupted.evaluate(points, ["u_t"]).items():
        assert np.array_equal(read.evaluate(points, ["u_t"])[name], value, equal_nan=True)
        assert np.isnan(value).any()
    assert read.parameters == interrupted.parameters


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"t": [0.0, 4.0]', '"t": [0.0, 30.0]'),
        ('"t": [0.0, 4.0]', '"t": [0.0, NaN]'),
        ('"lower": [4.0]', '"lower": [-4.0]'),
    ],
)
def test_damaged_windows_are_told(
    interrupted: Solution, tmp_path: Path, before: str, after: str
) -> None:
    path = tmp_path / "model.safetensors"
    save_model(interrupted, path)
    with safe_open(path, framework="pt") as file:
        text = file.metadata()["kanpde"]
    assert before in text
    save_file(load_file(path), path, {"kanpde": text.replace(before, after)})
    with pytest.raises(KanpdeError, match="cannot be read"):
        load_model(path)


@pytest.mark.parametrize("windows", [0, -1, 2.5, "4", True, float("nan")])
def test_a_plan_has_a_whole_number_of_windows(windows: object) -> None:
    with pytest.raises(KanpdeError, match="a Plan's windows must be"):
        Plan(windows=windows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [lambda: Broyden(-1), lambda: Broyden("a"), lambda: LeastSquares(1.5), lambda: Adam(None)],
)
def test_steps_are_whole_numbers(make: Callable[[], Stage]) -> None:
    with pytest.raises(KanpdeError, match="steps must be"):
        make()
