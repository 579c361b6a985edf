"""Reading trajectories: what is understood, and one clear sentence for what is not."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from kanpde import KanpdeError
from kanpde.dynamics.data import Trajectory, trajectories
from kanpde.dynamics.ode.smoothing import interpolate_inputs, smooth
from kanpde.dynamics.reading import read_trajectories
from kanpde.dynamics.report import describe_data
from kanpde.files.tables import read_table

ROWS = "\n".join(f"{0.1 * k:.1f},{k},{k * k}" for k in range(8))


def written(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_named_by_the_first_line(tmp_path: Path) -> None:
    data = read_trajectories(written(tmp_path, f"t,x,v\n{ROWS}\n"))
    assert data.states == ("x", "v")
    assert data.samples == 8
    np.testing.assert_allclose(data.runs[0].states[:, 1], np.arange(8) ** 2)


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_every_usual_separator_is_read(tmp_path: Path, mark: str) -> None:
    text = f"t,x,v\n{ROWS}\n".replace(",", mark)
    assert read_trajectories(written(tmp_path, text)).samples == 8


def test_a_file_without_names_gets_some(tmp_path: Path) -> None:
    assert read_trajectories(written(tmp_path, ROWS)).states == ("x1", "x2")


def test_gaps_stay_gaps_and_are_told(tmp_path: Path) -> None:
    data = read_trajectories(written(tmp_path, f"t,x,v\n{ROWS}\n0.8,,1\n0.9,nan,2\n"))
    assert np.isnan(data.runs[0].states[-1, 0])
    assert "2 of 20 values are missing" in data.notes[0]
    assert np.isfinite(smooth(data)[0].values(data.runs[0].times)).all()


def test_a_column_numbers_the_runs(tmp_path: Path) -> None:
    lines = [f"{k},{0.1 * j},{j},{j + k}" for k in (1, 2) for j in range(6)]
    data = read_trajectories(written(tmp_path, "trajectory,t,x,v\n" + "\n".join(lines)))
    assert [len(run) for run in data.runs] == [6, 6]
    assert "2 trajectories, 12 samples" in describe_data(data)


def test_constants_are_left_out_or_become_parameters(tmp_path: Path) -> None:
    lines = [f"{k},{0.1 * j},{j * k},7,{k}" for k in (1, 2) for j in range(6)]
    data = read_trajectories(written(tmp_path, "run,t,x,c,mass\n" + "\n".join(lines)))
    assert data.states == ("x",)
    assert data.inputs == ("mass",)
    assert any("`c` is constant" in note for note in data.notes)


def test_hdf5_holds_a_group_for_each_run(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        for name in ("a", "b"):
            group = file.create_group(name)
            group["t"] = np.arange(6.0)
            group["x"] = np.random.default_rng(0).random((6, 2))
    data = read_trajectories(path)
    assert data.states == ("x1", "x2")
    assert len(data.runs) == 2


BAD = {
    "t,x\n0,1\n1,red\n": "line 3: 'red' in column `x` is not a number",
    "t,x\n0,1\n1,2,3\n": "line 3: 3 fields, but 2 names",
    f"t,x,v\n{ROWS}\n0.3,1,2\n": "the time runs backwards after sample 8",
    f"t,x,v\n{ROWS}\n0.7,1,2\n": "the time repeats after sample 8",
    "t,x\n0,1\n": "1 sample is not a trajectory",
    "t,x\n0,1\n1,2\n": "fewer than 5 numbers",
    "t,x\n0,nan\n1,nan\n": "no number at all",
    "t,x\n0,1\n1,2\n2,inf\n": "the trajectory diverges; cut it",
    "t,x\n0,3\n1,3\n": "every column is constant",
    "t,x,x\n0,1,2\n": "two columns are called `x`",
    "t,x\n": "no line of numbers",
    "": "is empty",
    "t\n0\n1\n": "no other column",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_bad_files_get_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KanpdeError) as told:
        read_trajectories(written(tmp_path, text))
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_file_and_a_damaged_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(KanpdeError, match="there is no file"):
        read_table(tmp_path / "nothing.csv")
    damaged = tmp_path / "data.h5"
    damaged.write_bytes(b"nothing of the kind")
    with pytest.raises(KanpdeError, match="not an HDF5 file, or it is damaged"):
        read_trajectories(damaged)


def test_arrays_and_mappings_are_the_same() -> None:
    t = np.linspace(0, 1, 9)
    x = np.stack([np.sin(t), np.cos(t)], 1)
    pair, named = trajectories((t, x)), trajectories({"t": t, "x": x[:, 0], "y": x[:, 1]})
    np.testing.assert_array_equal(pair.runs[0].states, named.runs[0].states)
    assert pair.states == named.states


def test_lengths_must_agree() -> None:
    with pytest.raises(KanpdeError, match="different lengths"):
        trajectories({"t": np.arange(5.0), "x": np.arange(6.0)})


def test_splitting_keeps_every_sample() -> None:
    t = np.linspace(0, 1, 20)
    data = trajectories([(t, np.sin(t)), (t, np.cos(t))])
    first, last = data.split(0.25)
    assert last is not None
    assert [len(r) for r in first.runs] == [15, 15]
    assert first.samples + last.samples == data.samples
    assert [r.name for r in first.runs] == [r.name for r in last.runs]


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_smoothing_finds_the_level_of_the_noise(noise: float) -> None:
    t = np.linspace(0, 10, 400)
    x = np.sin(t) + noise * np.random.default_rng(0).standard_normal(400)
    (curve,) = smooth(trajectories((t, x)))
    assert curve.noise[0] == pytest.approx(noise, abs=0.1 * noise + 1e-6)
    assert np.abs(curve.values(t)[:, 0] - np.sin(t)).max() < 0.8 * noise + 1e-6


def test_inputs_are_interpolated_to_their_order() -> None:
    """A sine at 20 samples a period by degree 5 (measured 2e-6), a step without ringing."""
    t = np.linspace(0, 10, 64)
    between = np.linspace(0.5, 9.5, 301)
    driven = np.stack([np.sin(2 * t), np.where(t > 5, 1.0, 0.0)], 1)
    run = Trajectory(t, np.zeros((64, 1)), driven)
    found = interpolate_inputs(run, between)
    assert np.abs(found[:, 0] - np.sin(2 * between)).max() < 5e-5
    assert found[:, 1].min() > -0.05
    assert found[:, 1].max() < 1.05
    assert interpolate_inputs(run, between.reshape(7, 43)).shape == (7, 43, 2)
    few = Trajectory(t[:2], np.zeros((2, 1)), driven[:2])
    np.testing.assert_allclose(interpolate_inputs(few, t[:2]), driven[:2], atol=1e-14)
