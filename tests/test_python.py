"""What Python and notebooks offer around a solution: words, pictures, tables, copies, progress."""

from __future__ import annotations

import io
import pickle
import sys
import types
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

import kanpde
from kanpde import (
    Box,
    Chebyshev,
    Condition,
    Disk,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    Sampling,
    Solution,
    Status,
    d,
    exact,
    pi,
    sin,
)  # fmt: skip
from kanpde.training.live import NotebookLine, in_notebook, line_for_people
from kanpde.training.session import Progress, Stop


def heat(axes: int = 2) -> Problem:
    box = Box(x=(0, 1), y=(0, 1), t=(0, 1)) if axes == 3 else Box(x=(0, 1), t=(0, 1))
    space = [symbol for axis, symbol in zip(box.axes, box.axes, strict=True) if axis.name != "t"]
    t = box.axes[-1]

    def laplacian(u: Any) -> Any:
        return sum(d(u, s, s) for s in space)

    start = sin(pi * space[0]) * (sin(pi * space[1]) if axes == 3 else 1)
    return Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - 0.1 * laplacian(u)),
            Condition("start", box.face(t=0), lambda u: u - start),
            Condition("ends", box.faces(*space), lambda u: u),
        ],
        reference=exact(u=lambda x, t: np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x))
        if axes == 2
        else None,
        units={"x": "m", "u": "K"},
        title="a rod that cools",
    )


QUICK = Plan(
    widths=(4,),
    basis=Chebyshev(4),
    stages=(LeastSquares(steps=6),),
    sampling=Sampling(points=150),
    tolerance=0,
)


@pytest.fixture(scope="module")
def rod() -> Solution:
    return kanpde.solve(heat(), QUICK)


def test_repr_is_four_lines(rod: Solution) -> None:
    lines = repr(rod).splitlines()
    assert len(lines) == 4
    assert lines[0] == "Solution of a rod that cools: u on x in [0, 1], t in [0, 1]"
    assert str(rod.outcome.status) in lines[1]
    assert f"{rod.parameters} parameters, 6 steps" in lines[2]
    assert f"{rod.errors['u'].rel_l2:.2e}" in lines[3]


def test_html_holds_the_words_and_a_picture(rod: Solution) -> None:
    html = rod._repr_html_()
    assert html.startswith("<pre>Solution of a rod that cools")
    assert 'src="data:image/png;base64,' in html


def test_plot_draws_the_fields_that_are_asked_for(rod: Solution) -> None:
    figure = rod.plot("u", counts={"x": 21, "t": 11})
    assert Image.open(io.BytesIO(figure.to_png())).size[0] > 300
    with pytest.raises(KanpdeError, match="there is no field 'w'; there are u"):
        rod.plot("w")


@pytest.mark.parametrize("axes", [2, 3])
def test_movie_has_a_frame_for_each_time(axes: int, tmp_path: Path) -> None:
    plan = Plan(widths=(3,), stages=(LeastSquares(steps=1),), enforce=True)
    solution = kanpde.solve(heat(axes), plan)
    counts = {"x": 11, "y": 11, "t": 4} if axes == 3 else {"x": 11, "t": 4}
    path = solution.animate("u", counts).save(tmp_path / "u.gif")
    with Image.open(path) as film:
        frames = ImageSequence.all_frames(film)
    assert len(frames) == 4
    shots = [np.asarray(frame.convert("RGB"), float) for frame in frames]
    assert np.abs(shots[0] - shots[-1]).max() > 50
    with pytest.raises(KanpdeError, match=r"end in \.gif"):
        solution.animate("u", counts).save(tmp_path / "u.mp4")


def test_movie_without_time_is_refused() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [Condition("ode", box, lambda u: d(u, x) - 1), Condition("a", box.face(x=0), lambda u: u)],
    )
    with pytest.raises(KanpdeError, match="a movie needs time"):
        kanpde.solve(problem, QUICK).animate("u")


def test_xarray_has_coordinates_units_and_errors(rod: Solution) -> None:
    data = rod.to_xarray({"x": 5, "t": 3})
    assert data["u"].dims == ("x", "t")
    assert data["u"].attrs["units"] == "K"
    assert data["x"].attrs["units"] == "m"
    assert float(data["u"].sel(x=0.5, t=1.0)) == pytest.approx(float(rod(x=0.5, t=1.0)), abs=1e-12)
    np.testing.assert_allclose(data["u"] - data["u_exact"], data["u_error"], atol=1e-15)
    assert "residual_heat" in data


def test_dataframe_has_a_row_for_each_point(rod: Solution) -> None:
    frame = rod.to_dataframe({"x": 5, "t": 3})
    assert list(frame.columns) == ["x", "t", "u", "u_exact", "u_error", "residual_heat"]
    assert len(frame) == 15
    values = rod.evaluate(frame[["x", "t"]].to_numpy())["u"]
    np.testing.assert_allclose(frame["u"], values, atol=1e-14)


def test_tables_of_a_shape_have_its_points() -> None:
    disk = Disk(x=0, y=0, radius=1)
    x, y = disk.axes
    problem = Problem(
        disk,
        "u",
        [
            Condition("poisson", disk, lambda u: d(u, x, x) + d(u, y, y) + 4),
            Condition("rim", disk.boundary(), lambda u: u),
        ],
    )
    solution = kanpde.solve(problem, QUICK)
    counts = {"x": 33, "y": 33}
    data, frame = solution.to_xarray(counts), solution.to_dataframe(counts)
    assert data["u"].dims == ("point",)
    assert len(frame) == data.sizes["point"]
    np.testing.assert_array_equal(frame[["x", "y"]].to_numpy().T, [data["x"], data["y"]])
    values = solution.evaluate(frame[["x", "y"]].to_numpy())["u"]
    np.testing.assert_allclose(frame["u"], values, atol=1e-12)


def test_tables_name_what_to_install(rod: Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(KanpdeError, match=r"needs xarray: pip install 'kanpde\[data\]'"):
        rod.to_xarray()


def test_pickle_gives_the_same_function(rod: Solution) -> None:
    again = pickle.loads(pickle.dumps(rod))
    x, t = np.random.default_rng(0).random((2, 50))
    np.testing.assert_array_equal(again(x=x, t=t), rod(x=x, t=t))
    np.testing.assert_array_equal(again.trace["loss"], rod.trace["loss"])
    assert again.outcome == rod.outcome
    assert again.problem.reference is None  # code is not pickled


def test_deepcopy_has_networks_of_its_own(rod: Solution) -> None:
    copy = deepcopy(rod)
    np.testing.assert_array_equal(copy(x=0.3, t=0.5), rod(x=0.3, t=0.5))
    assert copy.network is not rod.network
    assert copy.problem is rod.problem


def test_save_is_read_back(rod: Solution, tmp_path: Path) -> None:
    folder = rod.save(tmp_path / "run")
    assert float(kanpde.load(folder)(x=0.3, t=0.5)) == float(rod(x=0.3, t=0.5))


def test_coordinates_go_by_name_and_are_numbers(rod: Solution) -> None:
    with pytest.raises(KanpdeError, match=r"by their names: solution\(x=\.\.\., t=\.\.\.\)"):
        rod(0.5, 0.5)
    with pytest.raises(KanpdeError, match="the coordinate x must be numbers"):
        rod(x="left", t=0.5)


def test_report_can_stop_the_training() -> None:
    steps = []

    def report(look: Progress) -> Stop | None:
        steps.append(look.step)
        return kanpde.STOP if look.step >= 10 else None

    plan = Plan(widths=(4,), stages=(LeastSquares(steps=500),), tolerance=0)
    solution = kanpde.solve(heat(), plan, report=report)
    assert solution.outcome.status == Status.INTERRUPTED
    assert 10 <= solution.steps <= 30
    assert np.isfinite(solution.errors["u"].rel_l2)


@pytest.mark.parametrize(
    ("device", "message"),
    [("mps", "take 'cpu' or 'cuda'"), ("toaster", "take 'cpu' or 'cuda'"), ("cuda:99", "CUDA")],
)
def test_a_device_that_is_not_here_is_named(device: str, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        kanpde.solve(heat(), QUICK, device=device)


class Terminal(io.StringIO):
    """A stream that says that a person reads it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "shown"),
    [
        (Terminal, None, True),
        (Terminal, False, False),
        (io.StringIO, None, False),
        (io.StringIO, True, True),
    ],
)
def test_progress_is_shown_to_people(
    stream: type[io.StringIO], progress: bool | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = stream()
    monkeypatch.setattr(sys, "stderr", there)
    kanpde.solve(heat(), QUICK, progress=progress)
    assert ("loss heat" in there.getvalue()) == shown


def test_notebooks_get_one_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, content: dict[str, str], raw: bool) -> None:
            assert raw
            shown[-1] = content["text/plain"]

    def display(content: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        shown.append(content["text/plain"])
        return Handle()

    ipython = types.ModuleType("IPython")
    screen = types.ModuleType("IPython.display")
    setattr(ipython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))  # noqa: B010
    setattr(screen, "display", display)  # noqa: B010
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    assert in_notebook()
    assert isinstance(line_for_people(), NotebookLine)
    kanpde.solve(heat(), QUICK)
    assert len(shown) == 1
    assert "loss heat" in shown[0]
