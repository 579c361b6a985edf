"""Every kind of picture, from fixed arrays, against the one that was looked at and stored.

Compared are coarse images: what a panel shows, where it lies and its colours, and neither fonts nor
the rendering of another matplotlib. `python tests/test_pictures.py` draws the stored ones anew (all
of them, or those that are named), with the full pictures in a folder to look at.
"""

from __future__ import annotations

import dataclasses
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from kanpde import KAN, Chebyshev, Coordinates
from kanpde.bench.curves import Curve
from kanpde.bench.picture import curves_figure
from kanpde.dynamics.data import Trajectories, Trajectory
from kanpde.dynamics.ode.result import Dynamics
from kanpde.dynamics.pictures import fit_figure, phase_figure, truth_figure
from kanpde.geometry.cells import Cells
from kanpde.operator.data import GridAxis, Pairs
from kanpde.operator.model import Prediction
from kanpde.operator.pictures import plot_predictions, plot_rollout
from kanpde.operator.rollout import Rollout
from kanpde.output.plot import (
    Movie,
    convergence_figure,
    domain_figure,
    parameters_figure,
    points_figure,
    residual_figure,
    solution_figure,
)
from kanpde.output.plot.canvas import styled
from kanpde.output.plot.domain import Marks
from kanpde.solution.errors_along import ErrorsAlong
from kanpde.solution.grid_data import GridData, Readings
from kanpde.symbolic.picture import network_figure

STORED = Path(__file__).parent / "pictures"
# Pixels of the width of a stored picture, and dots per inch at which one is drawn.
WIDTH, DPI = 96, 60
# The blur in pixels, and the largest difference. With another font it is at most 0.1, with texts
# one point larger 0.2; a curve of the other sign makes 0.32, a missing reference another shape.
BLUR, MOST = 1.5, 0.25
# Relative: other fonts move what stands outside of the panels.
SHAPE = 0.08

T = np.linspace(0, 1, 9)
AXES = {"x": np.linspace(-1, 1, 17), "y": np.linspace(0, 1, 13), "z": np.linspace(0, 2, 9), "t": T}


def grid(kind: str, **more) -> GridData:
    axes = {name: AXES[name] for name in kind}
    at = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    x, y, z, t = (at.get(name, np.zeros(())) for name in "xyzt")
    exact = np.broadcast_to(
        np.sin(3 * x) * np.exp(-t) + y**2 - 0.3 * z + (t if kind == "t" else 0),
        tuple(len(a) for a in axes.values()),
    )
    error = 1e-3 * np.cos(5 * exact)
    content = {
        "fields": {"u": exact + error},
        "exact": {"u": exact},
        "errors": {"u": error},
        "residuals": {"heat": 1e-3 * (1.1 + np.sin(4 * exact))},
        "time": "t" if "t" in kind else None,
        "title": "A problem",
        "units": {"u": "K"} | ({"x": "m"} if "x" in kind else {}),
    }
    return GridData(axes, **(content | more))


def flow(kind: str) -> GridData:
    axes = {name: AXES[name] for name in kind}
    at = np.meshgrid(*axes.values(), indexing="ij")
    x, y = at[0], at[1] - 0.5
    fields = {"u": -y, "v": x, "p": x**2 + y**2}
    return GridData(axes, fields, vectors={"velocity": ("u", "v")}, title="A vortex")


def disk() -> Cells:
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    rings = [r * np.stack([np.cos(angle), np.sin(angle)], 1) for r in (0.4, 0.7, 1.0)]
    first = np.arange(24)
    after = (first + 1) % 24
    cells = [
        np.stack([k * 24 + first, (k + 1) * 24 + first, (k + 1) * 24 + after, k * 24 + after], 1)
        for k in range(2)
    ]
    rim = {"outer": 48, "hole": 0}
    parts = {n: {"line": np.stack([s + first, s + after], 1)} for n, s in rim.items()}
    return Cells(("x", "y"), np.concatenate(rings), {"quad": np.concatenate(cells)}, parts)


def on_cells(time: bool = False) -> GridData:
    cells = disk()
    x, y = cells.nodes.T
    u = np.stack([(x * y + x) * (1 + t) for t in T]) if time else x * y + x
    axes = {"t": T} if time else {}
    whole = cells.over("t", T) if time else cells
    return GridData(axes, {"u": u}, "t" if time else None, cells=whole, residuals={"heat": u**2})


def trace() -> dict[str, np.ndarray]:
    loss = 10.0 ** np.linspace(0, -6, 60)
    error = np.where(np.arange(60) % 10 == 0, np.sqrt(loss), np.nan)
    return {
        "seconds": np.linspace(0.0, 90.0, 60),
        "step": np.arange(60),
        "stage": np.repeat(["adam", "G = 5", "G = 10"], 20),
        "loss": loss,
        "loss:heat": 0.7 * loss,
        "loss:walls": 0.3 * loss,
        "error:u": error,
        "estimate": 2 * error,
    }


def points() -> Figure:
    i = np.arange(1, 80)[:, None]
    inside = np.mod(i * [0.7548777, 0.5698403], 1)
    wall = np.stack([np.zeros(20), np.linspace(0, 1, 20)], 1)
    ends = {"x": (0.0, 1.0), "t": (0.0, 1.0)}
    start = np.stack([np.linspace(0, 1, 20), np.zeros(20)], 1)
    return points_figure(ends, {"heat": inside, "wall": wall}, ["a note"], "t", {"start": start})


def domain() -> Figure:
    outline = disk()
    nodes = outline.nodes
    rim = nodes[48:]
    parts = [Marks("outer", rim, rim), Marks("hole", nodes[:24], -nodes[:24] / 0.4)]
    conditions = [Marks("heat", nodes[24:48], is_interior=True), Marks("cold", rim)]
    return domain_figure(outline, parts, conditions, notes=["a note"])


def oscillator() -> Dynamics:
    x, v = sympy.symbols("x v", real=True)
    t = np.linspace(0, 8, 60)
    run = Trajectory(t, np.stack([np.cos(t), -np.sin(t)], 1), np.zeros((60, 0)))
    fine = np.linspace(0, 6, 200)
    path = np.stack([fine, np.cos(fine), -np.sin(fine)], 1)
    ahead = np.linspace(6, 8, 40)
    rollout = np.stack([ahead, 1.1 * np.cos(ahead), -1.1 * np.sin(ahead)], 1)
    return Dynamics(
        {"x": v, "v": -x},
        (),
        np.zeros((0, 0)),
        Trajectories(("x", "v"), (), (run,)),
        np.array([0.01, 0.01]),
        path=(path,),
        rollout=rollout,
    )


def repeat_runs(found: Dynamics, count: int) -> Dynamics:
    """With so many runs, all alike."""
    data = dataclasses.replace(found.data, runs=found.data.runs * count)
    return dataclasses.replace(found, data=data, path=found.path * count)


def network() -> Figure:
    torch.manual_seed(0)
    kan = KAN(Coordinates((-1.0, -1.0), (1.0, 1.0), (False, False)), (3,), 1, Chebyshev(degree=3))
    weights = kan.state_dict()
    for name, value in weights.items():
        count = value.numel()
        kan.state_dict()[name].copy_(torch.sin(torch.arange(count) + 1.0).reshape(value.shape))
    at = np.stack(np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 15)), -1).reshape(-1, 2)
    return network_figure(kan, at, ("a", "b"), "y")


def curves() -> Figure:
    seconds = np.geomspace(1, 60, 12)
    every = [
        Curve(name, 60.0, seed, seconds, (1 + seed) * power / seconds**2, 2 / seconds**2, 1e-6)
        for name, power in (("heat", 1.0), ("waves", 0.1))
        for seed in range(3)
    ]
    return curves_figure(every)


def predictions() -> bytes:
    axes = (GridAxis("x", np.linspace(0, 1, 12)), GridAxis("y", np.linspace(0, 1, 12)))
    x, y = np.meshgrid(axes[0].points, axes[1].points, indexing="ij")
    waves = np.arange(1, 5)[:, None, None]
    u = np.sin(waves * x) * y
    pairs = Pairs(axes, {"a": (waves * x > 1).astype(float) + 0 * y}, {"u": u})
    guess = Prediction({"u": u * (1 + 0.02 * waves)}, {}, ())
    return _drawn(lambda path: plot_predictions(pairs, guess, path, "Predictions"))


def rollout() -> bytes:
    times = np.linspace(0, 2, 21)
    states = np.cos(times)[None, :, None] * np.ones((2, 1, 8))
    found = Rollout((GridAxis("x", np.linspace(0, 1, 8)),), times, states, 1e-3 * 10**times, True)
    return _drawn(lambda path: plot_rollout(found, 1.0, path, "A rollout"))


def _drawn(draw: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "picture.png")
        return (Path(folder) / "picture.png").read_bytes()


def parameters() -> Figure:
    values = tuple(np.geomspace(0.01, 1, 9).tolist())
    errors = {"nu": ErrorsAlong(values, {"u": tuple(1e-5 / v for v in values)})}
    guess = {"nu": ErrorsAlong(values, {"u": tuple(2e-5 / v for v in values)})}
    return parameters_figure(errors, guess)


def measured(kind: str) -> Figure:
    at = {"x": np.array([-0.5, 0.0, 0.5]), "t": np.array([0.0, 0.5, 0.5]), "y": np.full(3, 0.5)}
    readings = Readings({name: at[name] for name in kind}, np.array([-0.8, 0.3, 0.9]))
    return solution_figure(grid(kind, readings={"u": readings}, exact={}, errors={}))


PICTURES: dict[str, Callable[[], Figure | bytes]] = {
    "solution_x": lambda: solution_figure(grid("x")),
    "solution_t": lambda: solution_figure(grid("t")),
    "solution_xt": lambda: solution_figure(grid("xt")),
    "solution_xy": lambda: solution_figure(grid("xy")),
    "solution_xyt": lambda: solution_figure(grid("xyt")),
    "solution_xyz": lambda: solution_figure(grid("xyz")),
    "readings_x": lambda: measured("x"),
    "readings_xt": lambda: measured("xt"),
    "solution_cells": lambda: solution_figure(on_cells()),
    "solution_cells_t": lambda: solution_figure(on_cells(time=True)),
    "flow_xy": lambda: solution_figure(flow("xy")),
    "flow_xyz": lambda: solution_figure(flow("xyz")),
    "residual_xt": lambda: residual_figure(grid("xt")),
    "residual_cells": lambda: residual_figure(on_cells()),
    "convergence": lambda: convergence_figure(trace(), 1e-3),
    "points": points,
    "domain": domain,
    "parameters": parameters,
    "movie_xt": lambda: Movie(grid("xt"), frames=2).data,
    "movie_xyt": lambda: Movie(grid("xyt"), frames=2).data,
    "fit": lambda: fit_figure(oscillator()),
    "fit_of_runs": lambda: fit_figure(repeat_runs(oscillator(), 3)),
    "fit_of_many_runs": lambda: fit_figure(repeat_runs(oscillator(), 6)),
    "phase": lambda: phase_figure(oscillator()),
    "truth": lambda: truth_figure(oscillator(), lambda x: np.stack([x[:, 1], -0.9 * x[:, 0]], 1)),
    "network": network,
    "curves": curves,
    "predictions": predictions,
    "rollout": rollout,
}


def paint(picture: Figure | bytes) -> Image.Image:
    """A picture as it is drawn."""
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture)).convert("RGB")
    with styled():
        picture.set_dpi(DPI)
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def reduce(image: Image.Image) -> Image.Image:
    """A coarse image of the same shape."""
    height = max(1, round(WIDTH * image.height / image.width))
    return image.resize((WIDTH, height), Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two coarse images are apart, blurred, relative to what is drawn on the white.

    Infinite for other shapes.
    """
    if abs(one.height / other.height - 1) > SHAPE:
        return np.inf
    same = one.resize(other.size, Image.Resampling.BOX)
    blurred = (np.asarray(i.filter(ImageFilter.GaussianBlur(BLUR)), float) for i in (same, other))
    first, second = blurred
    return float(np.sqrt(((first - second) ** 2).mean() / ((255 - second) ** 2).mean()))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_was_looked_at(name: str) -> None:
    with Image.open(STORED / f"{name}.png") as stored:
        gap = difference(reduce(paint(PICTURES[name]())), stored.convert("RGB"))
    assert gap < MOST, (
        f"{name}.png differs by {gap:.2f}; look at it and store it, as CONTRIBUTING says"
    )


def test_another_sign_is_told() -> None:
    right = grid("x")
    wrong = {"fields": {"u": -right.fields["u"]}, "exact": {"u": -right.exact["u"]}}
    drawn = reduce(paint(solution_figure(grid("x", **wrong))))
    with Image.open(STORED / "solution_x.png") as stored:
        assert difference(drawn, stored.convert("RGB")) > 1.2 * MOST


def main(names: list[str]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pictures_"))
    STORED.mkdir(exist_ok=True)
    for name in names or PICTURES:
        whole = paint(PICTURES[name]())
        whole.save(folder / f"{name}.png")
        reduce(whole).save(STORED / f"{name}.png", optimize=True)
    print(f"stored in {STORED}; the whole pictures are in {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
