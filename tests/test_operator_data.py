"""Data of operators: layouts of files, what is wrong with bad ones, and the classical solvers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kanpde import KanpdeError
from kanpde.operator import (
    AllenCahn,
    Burgers,
    Darcy,
    GridAxis,
    NavierStokes,
    Pairs,
    PointPairs,
    read_pairs,
    time_steps,
    write_pairs,
)
from kanpde.operator.generators.base import sample_generator
from kanpde.operator.generators.darcy import solve_darcy
from kanpde.operator.generators.periodic import PeriodicGenerator, periodic_field

RNG = np.random.default_rng


def burgers_like() -> Pairs:
    rng = RNG(0)
    axes = (
        GridAxis("t", np.linspace(0, 1, 5), unit="s"),
        GridAxis("x", np.arange(8) / 8, periodic=True, unit="m"),
    )
    u = rng.standard_normal((3, 5, 8)).astype(np.float32)
    return Pairs(axes, {"u0": u[:, :1]}, {"u": u}, attributes={"viscosity": 0.01})


def darcy_like(symmetry: str = "square") -> Pairs:
    rng = RNG(1)
    axes = tuple(GridAxis(n, (np.arange(6) + 0.5) / 6) for n in "yx")
    fields = rng.standard_normal((2, 4, 6, 6))
    return Pairs(axes, {"b": fields[0], "a": fields[1]}, {"u": fields[0]}, symmetry)


def points_like() -> PointPairs:
    rng = RNG(2)
    points = rng.random((7, 2))
    f, u = rng.random((3, 5)), rng.random((3, 7))
    return PointPairs(("r", "s"), points, {"f": f}, {"u": u})


def assert_equal(one: Any, other: Any) -> None:
    assert one.names == other.names
    assert (one.shape, one.periodic, one.symmetry) == (other.shape, other.periodic, other.symmetry)
    for have, want in ((one.inputs, other.inputs), (one.outputs, other.outputs)):
        assert list(have) == list(want)
        for name in want:
            np.testing.assert_array_equal(have[name], want[name])
    assert one.box == other.box


@pytest.mark.parametrize("make", [burgers_like, darcy_like, points_like])
def test_hdf5_round_trip(make: Callable[[], Any], tmp_path: Path) -> None:
    path, pairs = tmp_path / "data.h5", make()
    write_pairs(path, {"train": pairs, "test_16": pairs}, "a title", viscosity=0.1)
    again = read_pairs(path)
    assert list(again) == ["train", "test_16"]
    for each in again.values():
        assert_equal(each, pairs)
    with h5py.File(path) as file:
        assert file.attrs["title"] == "a title"
        assert file.attrs["viscosity"] == 0.1
    assert list(tmp_path.iterdir()) == [path]


def test_units_and_attributes_are_kept(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data.h5", {"train": burgers_like()})
    again: Any = read_pairs(tmp_path / "data.h5")["train"]
    assert [a.unit for a in again.axes] == ["s", "m"]
    assert again.attributes["viscosity"] == 0.01


def test_npz_of_the_same_names(tmp_path: Path) -> None:
    pairs = burgers_like()
    np.savez(
        tmp_path / "data.npz",
        **{
            "train/axes/t": pairs.axes[0].points,
            "train/axes/x": pairs.axes[1].points,
            "train/periodic": np.array(["x"]),
            "train/inputs/u0": pairs.inputs["u0"][:, 0],
            "train/outputs/u": pairs.outputs["u"],
        },
    )
    (again,) = read_pairs(tmp_path / "data.npz").values()
    assert_equal(again, pairs)


def test_small_darcy_set_as_it_is(tmp_path: Path) -> None:
    rng = RNG(3)
    with h5py.File(tmp_path / "darcy_small.h5", "w") as file:
        for split, n in (("train_16", 16), ("test_32", 32)):
            file[f"{split}/a"] = rng.integers(0, 2, (4, n, n), dtype=np.uint8)
            file[f"{split}/u"] = rng.random((4, n, n), dtype=np.float32)
    splits = read_pairs(tmp_path / "darcy_small.h5")
    assert {n: (list(p.inputs), list(p.outputs), p.shape) for n, p in splits.items()} == {
        "train_16": (["a"], ["u"], (16, 16)),
        "test_32": (["a"], ["u"], (32, 32)),
    }
    assert {p.symmetry for p in splits.values()} == {"square-open"}
    assert [p.box for p in splits.values()] == [((0, 0), (1, 1))] * 2


def test_small_burgers_set_as_it_is(tmp_path: Path) -> None:
    u = RNG(4).random((4, 17, 16), dtype=np.float32)
    with h5py.File(tmp_path / "burgers_small.h5", "w") as file:
        file.attrs["viscosity"] = 0.01
        file["train_16/u"], file["train_16/u0"] = u, u[:, 0]
    (pairs,) = read_pairs(tmp_path / "burgers_small.h5").values()
    assert (pairs.names, pairs.periodic) == (("t", "x"), (False, True))
    np.testing.assert_array_equal(pairs.inputs["u0"][:, 0], u[:, 0])


# --- mistakes -----------------------------------------------------------------------------------


def with_nan(samples: tuple[int, ...]) -> Pairs:
    pairs = burgers_like()
    u = pairs.outputs["u"].copy()
    for i in samples:
        u[i, 2, 3] = np.nan
    return Pairs(pairs.axes, pairs.inputs, {"u": u})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: with_nan((2,)), r"field u holds NaN or infinity in sample 2 \("),
        (lambda: with_nan((0, 2)), r"in sample 0, 2 \("),
        (lambda: GridAxis("x", np.array([0, 1, 3.0])), "axis x is not evenly spaced"),
        (lambda: GridAxis("x", np.array([2, 1, 0.0])), "axis x is not evenly spaced"),
        (lambda: GridAxis("x", np.array([1.0])), "two or more finite"),
        (lambda: Pairs(burgers_like().axes, {"f": np.ones((2, 5, 9))}, {}), r"\(2, 5, 8\)"),
        (lambda: Pairs(burgers_like().axes, {"f": np.ones((2, 5, 8))}, {"u": np.ones((3, 5, 8))}),
         "field u has the shape"),
        (lambda: Pairs(burgers_like().axes, {}, {}), "no input field"),
        (lambda: Pairs(burgers_like().axes, {"f": np.ones((0, 5, 8))}, {}), "no sample"),
        (lambda: Pairs(burgers_like().axes, {"f": np.ones((2, 5, 8))}, {}, "square"),
         "symmetry of a square"),
        (lambda: PointPairs(("x",), np.ones((4, 2)), {"f": np.ones((2, 3))}, {}), "column for"),
        (lambda: PointPairs(("x",), np.ones((4, 1)), {"f": np.ones((2, 3))},
                            {"u": np.ones((2, 5))}), r"ask for \(2, 4\)"),
        (lambda: time_steps(darcy_like()), "no field|an axis t"),
        (lambda: NavierStokes(viscosity=-1), "viscosity must be a positive"),
        (lambda: Burgers(times=1), "1 times are too few"),
    ],
)  # fmt: skip
def test_what_cannot_be_data(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(KanpdeError, match=words):
        make()


def change(path: Path, edit: Callable[[h5py.File], None]) -> None:
    write_pairs(path, {"train": burgers_like()})
    with h5py.File(path, "r+") as file:
        edit(file)


def _swap_dims(file: h5py.File) -> None:
    file["train/outputs/u"].attrs["dims"] = ["sample", "x", "t"]


def _few_dims(file: h5py.File) -> None:
    file["train/outputs/u"].attrs["dims"] = ["sample", "x"]


def _no_axes(file: h5py.File) -> None:
    del file["train/axes"]


def _unknown(file: h5py.File) -> None:
    del file["train"]
    file["train/q"] = np.ones((3, 4))


def _newer(file: h5py.File) -> None:
    file.attrs["layout"] = 7


def _words(file: h5py.File) -> None:
    del file["train/outputs/u"]
    file["train/outputs/u"] = [b"a", b"b"]


def _empty(file: h5py.File) -> None:
    del file["train"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_swap_dims, "in the order t, x"),
        (_few_dims, "has 3 dimensions"),
        (_no_axes, "there are no axes"),
        (_unknown, r"the fields q \(3, 4\) are in no known layout"),
        (_newer, "layout 7, of a newer kanpde"),
        (_words, "numbers are needed"),
        (_empty, "holds no split"),
    ],
)
def test_a_bad_file_is_named_with_its_mistake(
    edit: Callable[[h5py.File], None], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.h5"
    change(path, edit)
    with pytest.raises(KanpdeError, match=words) as caught:
        read_pairs(path)
    assert "bad.h5" in str(caught.value)


def _lone_number(file: h5py.File) -> None:
    file["train/outputs/u"].attrs["dims"] = 3


def _layout_of_words(file: h5py.File) -> None:
    file.attrs["layout"] = "x"


def _shifts_without_a_period(file: h5py.File) -> None:
    file["train"].attrs["symmetry"] = "shifts"
    file["train/axes/x"].attrs["periodic"] = False


def _number_as_field(file: h5py.File) -> None:
    del file["train/inputs/u0"]
    file["train/inputs/u0"] = 3.0


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_lone_number, "they are called 3; the first is"),
        (_layout_of_words, "has the layout 'x'; the attribute layout is 1"),
        (_shifts_without_a_period, "the symmetry shifts needs a periodic axis"),
        (_number_as_field, "u0 has 0 dimensions"),
    ],
)
def test_attributes_of_other_types(
    edit: Callable[[h5py.File], None], words: str, tmp_path: Path
) -> None:
    change(tmp_path / "bad.h5", edit)
    with pytest.raises(KanpdeError, match=words):
        read_pairs(tmp_path / "bad.h5")


@pytest.mark.parametrize("inputs", [np.ones((2, 0)), np.ones(2), np.float64(3)])
def test_inputs_without_sensors(inputs: Any) -> None:
    with pytest.raises(KanpdeError, match=r"\(samples, sensors\) ask for two numbers"):
        PointPairs(("x",), np.ones((4, 1)), {"f": np.asarray(inputs)}, {})


@pytest.mark.parametrize(("periodic", "words"), [(3, "periodic names 3"), (["z"], "names z")])
def test_periodic_axes_of_npz_are_names(periodic: Any, words: str, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "data.npz",
        **{
            "train/axes/x": np.arange(8) / 8,
            "train/periodic": np.array(periodic),
            "train/inputs/f": np.ones((2, 8)),
        },
    )
    with pytest.raises(KanpdeError, match=words):
        read_pairs(tmp_path / "data.npz")


def test_files_that_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no data")
    for name, words in (("notes.txt", "neither an HDF5"), ("absent.h5", "no data file")):
        with pytest.raises(KanpdeError, match=words):
            read_pairs(tmp_path / name)


# --- the classical solvers -----------------------------------------------------------------------


def rate(errors: list[float]) -> float:
    """The order of convergence, of errors on meshes of half the spacing each."""
    return float(np.log2(errors[-2] / errors[-1]))


def test_finite_volumes_converge_in_second_order() -> None:
    errors = []
    for n in (16, 32, 64):
        x = ((np.arange(n) + 0.5) / n)[:, None]
        y = x.T
        u = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
        a = 2 + np.cos(np.pi * x) * y
        ux = np.pi * np.cos(np.pi * x) * np.sin(2 * np.pi * y)
        uy = 2 * np.pi * np.sin(np.pi * x) * np.cos(2 * np.pi * y)
        ax, ay = -np.pi * np.sin(np.pi * x) * y, np.cos(np.pi * x)
        source = -(ax * ux + ay * uy - 5 * np.pi**2 * a * u)
        errors.append(float(np.abs(solve_darcy(a, source) - u).max()))
    assert rate(errors) > 1.9
    assert errors[-1] < 2e-3


def test_finite_volumes_carry_a_constant_flux_through_layers() -> None:
    # Layers along x with a source in the far wall's place: u is piecewise linear in between.
    n = 32
    a = np.where(np.arange(n)[:, None] < n // 2, 1.0, 5.0) * np.ones((n, n))
    u = solve_darcy(a)
    np.testing.assert_allclose(u, u[:, ::-1], atol=1e-12)
    middle = u[:, n // 2]
    flux = [n * (middle[1] - middle[0]), 5 * n * (middle[-1] - middle[-2])]
    assert flux[0] > 0 > flux[1]
    # All that is fed in leaves through the walls: int 1 = 1.
    out = 2 * n * (a[0] @ u[0] + a[-1] @ u[-1] + a[:, 0] @ u[:, 0] + a[:, -1] @ u[:, -1]) / n
    assert out == pytest.approx(1, rel=1e-10)


def test_darcy_samples_are_the_same_medium_on_each_grid() -> None:
    coarse, fine = (Darcy().generate("test", 3, n, 0, lambda k: None) for n in (16, 48))
    assert set(np.unique(coarse.inputs["a"])) == {3.0, 12.0}
    # The centres of 16 cells are those of every third of 48.
    np.testing.assert_array_equal(fine.inputs["a"][:, 1::3, 1::3], coarse.inputs["a"])
    difference = fine.outputs["u"][:, 1::3, 1::3] - coarse.outputs["u"]
    assert np.linalg.norm(difference) / np.linalg.norm(coarse.outputs["u"]) < 0.15


@pytest.mark.parametrize("generator", [Darcy(), Burgers(times=3, viscosity=0.1)])
def test_seed_and_split_make_the_samples(generator: Any) -> None:
    def make(split: str, samples: int, seed: int) -> Any:
        pairs = generator.generate(split, samples, 16, seed, lambda k: None)
        return next(iter(pairs.outputs.values()))

    np.testing.assert_array_equal(make("train", 3, 5)[:2], make("train", 2, 5))
    assert not np.array_equal(make("train", 1, 5), make("train", 1, 6))
    assert not np.array_equal(make("train", 1, 5), make("test", 1, 5))


def test_burgers_agrees_with_cole_and_hopf() -> None:
    # u = -2 nu phi_x / phi with the heat equation's phi = 2 + cos(2 pi x) exp(-4 pi^2 nu t).
    nu, n = 0.05, 256
    x = np.arange(n) / n

    def exact(t: float) -> Any:
        decay = np.exp(-4 * np.pi**2 * nu * t)
        slope = -2 * np.pi * np.sin(2 * np.pi * x) * decay
        return -2 * nu * slope / (2 + np.cos(2 * np.pi * x) * decay)

    states = list(Burgers(nu, times=3, end=0.5).states(exact(0.0)[None], 3, 0.5))
    for state, t in zip(states, (0.0, 0.25, 0.5), strict=True):
        np.testing.assert_allclose(state[0], exact(t), atol=1e-9)


@pytest.mark.parametrize(
    ("generator", "scale", "bound"),
    [
        (Burgers(0.01, times=2, end=0.3), 1.0, 1e-7),
        (NavierStokes(times=2, end=0.5), 1.0, 1e-6),
        (AllenCahn(times=2, end=1.0), 1.0, 1e-6),
    ],
    ids=["burgers", "navier_stokes", "allen_cahn"],
)
def test_time_steps_are_fine_enough(generator: Any, scale: float, bound: float) -> None:
    rng = sample_generator(0, "train", 0)
    if isinstance(generator, Burgers):
        start = generator.initial(512, rng)[None]
    else:
        start = 3 * periodic_field(64, 7**0.75, 49.0, 1.25, rng)[None]
    once, twice = (
        list(generator.states(start, 2, generator.end, refinement=r))[-1]
        for r in (scale, 2 * scale)
    )
    change = float(np.linalg.norm(twice - once) / np.linalg.norm(twice))
    assert 0 < change < bound


def test_vorticity_of_a_taylor_green_vortex_decays_as_it_should() -> None:
    n, nu = 32, 0.01
    x = np.arange(n) / n
    w = np.cos(2 * np.pi * x)[:, None] * np.cos(2 * np.pi * x)
    forced, still = (
        list(NavierStokes(nu).states(start[None], 2, 0.5))[-1][0] for start in (w, 0 * w)
    )
    # The force alone gives a flow along x + y = const whose advection of itself vanishes.
    phase = 2 * np.pi * (x[:, None] + x)
    rate_of_decay = 8 * np.pi**2 * nu
    gain = (1 - np.exp(-rate_of_decay * 0.5)) / rate_of_decay
    np.testing.assert_allclose(still, 0.1 * gain * (np.sin(phase) + np.cos(phase)), atol=1e-10)
    # To first order in the force, the vortex decays by itself.
    np.testing.assert_allclose(forced, w * np.exp(-rate_of_decay * 0.5) + still, atol=2e-2)


def test_mean_of_allen_cahn_follows_its_equation() -> None:
    u0 = 0.3
    (*_, last) = AllenCahn().states(np.full((1, 16, 16), u0), 2, 1.0)
    # u' = u - u^3: u = (1 + (u0^-2 - 1) exp(-2 t))^-1/2.
    np.testing.assert_allclose(last, (1 + (u0**-2 - 1) * np.exp(-2.0)) ** -0.5, atol=1e-7)


@dataclass(frozen=True)
class Heat(PeriodicGenerator):
    """u_t = u_xx from one wave: all that a new generator must say."""

    times: int = 3
    end: float = 0.02
    title = "Heat"
    name, dimension, symmetry, longer = "h", 1, "shifts", 3

    def refinement(self, resolution: int) -> int:
        return 2

    def initial(self, points: int, rng: np.random.Generator) -> Any:
        return np.cos(2 * np.pi * (np.arange(points) / points - rng.random()))

    def states(self, start: Any, times: int, end: float) -> Any:
        return (start * np.exp(-4 * np.pi**2 * t) for t in np.linspace(0, end, times))


def test_a_new_generator_is_one_class() -> None:
    done: list[int] = []
    train, test = (Heat().generate(s, 20, 8, 5, done.append) for s in ("train", "test"))
    assert done == [16, 4, 16, 4]
    assert Heat().splits(4, 0) == {"train": 4}
    assert (train.names, train.periodic, train.symmetry) == (("t", "x"), (False, True), "shifts")
    for pairs, times, end in ((train, 3, 0.02), (test, 7, 0.06)):
        u, u0 = pairs.outputs["h"], pairs.inputs["h0"]
        assert u.shape == (20, times, 8)
        t = np.linspace(0, end, times)[:, None]
        np.testing.assert_allclose(u, u0 * np.exp(-4 * np.pi**2 * t), rtol=1e-5, atol=1e-7)
    shift = sample_generator(5, "train", 17).random()
    wave = np.cos(2 * np.pi * (np.arange(8) / 8 - shift))
    np.testing.assert_allclose(train.inputs["h0"][17, 0], wave, atol=1e-6)


def test_test_samples_run_twice_as_long() -> None:
    train, test = (
        AllenCahn(times=3, end=0.4).generate(split, 1, 16, 0, lambda k: None)
        for split in ("train", "test")
    )
    assert (train.shape[0], test.shape[0]) == (3, 5)
    np.testing.assert_allclose(test.axes[0].points[:3], train.axes[0].points)


def test_time_is_found_among_the_axes() -> None:
    x, t = (GridAxis(name, np.linspace(0, 1, n)) for name, n in (("x", 5), ("t", 3)))
    assert (x.is_time, t.is_time) == (False, True)
    pairs = Pairs((x, t), {"u0": np.ones((2, 5, 1))}, {"u": np.ones((2, 5, 3))})
    assert (pairs.time, pairs.time_position, pairs.space) == (t, 1, (x,))
    still = Pairs((x,), {"a": np.ones((2, 5))}, {"u": np.ones((2, 5))})
    assert (still.time, still.time_position, still.space) == (None, None, (x,))


def test_steps_of_trajectories_are_neighbours_in_time() -> None:
    pairs = burgers_like()
    steps, double = time_steps(pairs), time_steps(pairs, stride=2)
    u = pairs.outputs["u"]
    assert (len(steps), len(double)) == (12, 6)
    np.testing.assert_array_equal(steps.inputs["u"][4:8], u[1, :-1])
    np.testing.assert_array_equal(steps.outputs["u"][4:8], u[1, 1:])
    np.testing.assert_array_equal(double.outputs["u"][:2], u[0, [2, 4]])
    assert double.attributes["time_step"] == 0.5
