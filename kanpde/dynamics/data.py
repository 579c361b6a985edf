"""Measured trajectories: times, states with gaps, inputs; made from arrays and checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_scale
from kanpde.errors import KanpdeError

# What a column of times may be called.
TIMES = ("t", "time", "times", "year", "date")
# A column that varies less than this, beside its size, says nothing about a motion.
_CONSTANT = 1e-13


@dataclass(frozen=True)
class Trajectory:
    """One run: times (N,) that increase, states (N, n) with NaN for gaps, inputs (N, m)."""

    times: Array
    states: Array
    inputs: Array
    name: str = ""

    def __len__(self) -> int:
        return len(self.times)

    def part(self, start: int, stop: int) -> Trajectory:
        """The samples start ... stop - 1."""
        rows = slice(start, stop)
        return Trajectory(self.times[rows], self.states[rows], self.inputs[rows], self.name)


@dataclass(frozen=True)
class Trajectories:
    """Runs of one system; `notes` tell what was done to the data on the way in."""

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    runs: tuple[Trajectory, ...]
    notes: tuple[str, ...] = ()
    time: str = "t"

    @property
    def samples(self) -> int:
        return sum(map(len, self.runs))

    @property
    def scale(self) -> Array:
        """The root mean square of each state, (n,)."""
        stacked = np.concatenate([run.states for run in self.runs])
        largest = np.nanmax(np.abs(stacked), axis=0)
        largest = np.where(largest > 0, largest, 1.0)
        return np.asarray(largest * np.sqrt(np.nanmean((stacked / largest) ** 2, axis=0)))

    def split(self, share: float) -> tuple[Trajectories, Trajectories | None]:
        """The first part of every run and the last `share` of it, None where that is too short."""
        first, last = [], []
        for run in self.runs:
            cut = len(run) - round(share * len(run))
            if share > 0 and cut >= 5 and len(run) - cut >= 2:
                first.append(run.part(0, cut))
                last.append(run.part(cut, len(run)))
            else:
                first.append(run)
        kept = Trajectories(self.states, self.inputs, tuple(first), self.notes, self.time)
        if not last:
            return kept, None
        return kept, Trajectories(self.states, self.inputs, tuple(last), (), self.time)


def trajectories(
    data: Any,
    *,
    states: Sequence[str] | None = None,
    inputs: Sequence[str] = (),
    time: str | None = None,
) -> Trajectories:
    """Trajectories from arrays.

    Args:
        data: a mapping of names to columns (N,) with the time among them, a pair
            (times (N,), states (N, n)), or a sequence of such, one for each run.
        states: the names of the states; all other columns by default.
        inputs: the names of controls and parameters, which act but are not explained.
        time: the name of the time; `t` or `time` by default.

    Raises:
        KanpdeError: for data that cannot be trajectories, with place and mend.
    """
    if isinstance(data, Trajectories):
        return data
    single = isinstance(data, Mapping) or (
        isinstance(data, tuple) and len(data) == 2 and np.ndim(data[0]) == 1
    )
    if not single and (isinstance(data, (str, bytes)) or not isinstance(data, Sequence)):
        raise KanpdeError(
            f"the data are {data!r:.60}; give a mapping of columns, a pair (times, states), or a "
            "list of such"
        )
    runs = [data] if single else list(data)
    if not runs:
        raise KanpdeError("there is no trajectory in the data")
    columns = [
        (_name_columns(run, states, time), f"run {k}: " if len(runs) > 1 else "")
        for k, run in enumerate(runs, 1)
    ]
    name = time or _find_time(columns[0][0])
    chosen = list(states) if states else [n for n in columns[0][0] if n != name and n not in inputs]
    return assemble(columns, chosen, list(inputs), name)


def _name_columns(run: Any, states: Sequence[str] | None, time: str | None) -> dict[str, Array]:
    if isinstance(run, Mapping):
        return {str(k): _read_floats(v, str(k)) for k, v in run.items()}
    if not isinstance(run, Sequence) or isinstance(run, (str, bytes)) or len(run) != 2:
        raise KanpdeError(f"a run is {run!r:.60}; give a mapping of columns, or (times, states)")
    times, values = run
    values = np.atleast_2d(read_reals("the states", values).T).T
    names = list(states) if states else _default_names(values.shape[1])
    if len(names) != values.shape[1]:
        raise KanpdeError(f"{len(names)} states are named, and the data have {values.shape[1]}")
    columns = {time or "t": _read_floats(times, time or "t")}
    return columns | {n: values[:, k] for k, n in enumerate(names)}


def _default_names(count: int) -> list[str]:
    return ["x", "y", "z"][:count] if count <= 3 else [f"x{k + 1}" for k in range(count)]


def _read_floats(values: Any, name: str) -> Array:
    return read_reals(f"column `{name}`", values).reshape(-1)


def _find_time(columns: Mapping[str, Array]) -> str:
    for name in columns:
        if name.lower() in TIMES:
            return name
    raise KanpdeError(
        f"no column is called t or time (there are {', '.join(columns)}); name it: time=..."
    )


def assemble(
    columns: Sequence[tuple[Mapping[str, Array], str]],
    states: list[str],
    inputs: list[str],
    time: str,
) -> Trajectories:
    """Trajectories from named columns.

    Args:
        columns: for each run its columns (N,) by name, and how messages call the run.
        states: the columns to explain.
        inputs: the columns that act and are not explained.
        time: the column of times.

    Raises:
        KanpdeError: for columns that cannot be trajectories, with place and mend.
    """
    notes: list[str] = []
    for name in [time, *states, *inputs]:
        for run, where in columns:
            if name not in run:
                raise KanpdeError(f"{where}there is no column `{name}`; there are {', '.join(run)}")
    for run, where in columns:
        if len(run[time]) < 2:
            raise KanpdeError(
                f"{where}{len(run[time])} sample is not a trajectory: at least 5 are needed"
            )
        for name in [time, *states, *inputs]:
            require_scale(f"{where}column `{name}`", run[name])
    if time in states:
        raise KanpdeError(f"`{time}` is the time, which needs no equation; leave it out of states")
    states, inputs = _drop_constants(columns, states, inputs, notes)
    if not states:
        raise KanpdeError("every column is constant: nothing moves, so there is no law to find")
    runs = tuple(_check_run(run, where, states, inputs, time, notes) for run, where in columns)
    for k, name in enumerate(states):
        if sum(int(np.isfinite(run.states[:, k]).sum()) for run in runs) < 5:
            raise KanpdeError(f"column `{name}` has fewer than 5 numbers: leave it out")
    return Trajectories(tuple(states), tuple(inputs), runs, tuple(dict.fromkeys(notes)), time)


def _drop_constants(
    columns: Sequence[tuple[Mapping[str, Array], str]],
    states: list[str],
    inputs: list[str],
    notes: list[str],
) -> tuple[list[str], list[str]]:
    """States that never move are left out, or are inputs where they differ between runs."""
    kept, moved = [], list(inputs)
    for name in states:
        values = [run[name][np.isfinite(run[name])] for run, _ in columns]
        if all(len(v) == 0 for v in values):
            raise KanpdeError(f"column `{name}` holds no number at all: leave it out")
        if any(len(v) and np.ptp(v) > _CONSTANT * np.abs(v).max() for v in values):
            kept.append(name)
        elif np.ptp(np.concatenate(values)) > _CONSTANT * max(np.abs(np.concatenate(values))):
            notes.append(f"`{name}` is constant in every run: it is taken as a parameter")
            moved.append(name)
        else:
            notes.append(f"`{name}` is constant: it is left out")
    return kept, moved


def _check_run(
    run: Mapping[str, Array],
    where: str,
    states: list[str],
    inputs: list[str],
    time: str,
    notes: list[str],
) -> Trajectory:
    lengths = {name: len(run[name]) for name in [time, *states, *inputs]}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{n} {k}" for n, k in lengths.items())
        raise KanpdeError(f"{where}the columns have different lengths: {listed}")
    times = run[time]
    table = np.stack([run[n] for n in states], 1)
    driven = np.stack([run[n] for n in inputs], 1) if inputs else np.zeros((len(times), 0))
    if np.isinf(table).any():
        row, column = np.argwhere(np.isinf(table))[0]
        raise KanpdeError(
            f"{where}`{states[column]}` is infinite from sample {row + 1}, {time} = "
            f"{times[row]:g}: the trajectory diverges; cut it before that"
        )
    gaps = ~np.isfinite(times) | ~np.isfinite(table).any(1) | ~np.isfinite(driven).all(1)
    if gaps.any():
        notes.append(f"{where}{gaps.sum()} of {len(times)} samples have no usable value: left out")
        times, table, driven = times[~gaps], table[~gaps], driven[~gaps]
    if len(times) < 2:
        raise KanpdeError(f"{where}{len(times)} sample is not a trajectory: at least 5 are needed")
    steps = np.diff(times)
    if (steps <= 0).any():
        k = int(np.argmax(steps <= 0))
        word = "repeats" if steps[k] == 0 else "runs backwards"
        raise KanpdeError(
            f"{where}the time {word} after sample {k + 1} ({time} = {times[k]:g}, then "
            f"{times[k + 1]:g}); sort the samples, or give each run its number in a column "
            "`trajectory`"
        )
    missing = int((~np.isfinite(table)).sum())
    if missing:
        notes.append(f"{where}{missing} of {table.size} values are missing: the rest is used")
    return Trajectory(times, table, driven, where.removesuffix(": "))
