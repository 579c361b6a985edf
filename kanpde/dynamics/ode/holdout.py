"""A fit judged by samples that it has not seen, and its path through those that it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories, Trajectory
from kanpde.dynamics.ode.flow import flow
from kanpde.dynamics.ode.result import Forecast
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.shooting import Fit
from kanpde.dynamics.ode.smoothing import smooth


def forecast_holdout(fit: Fit, train: Trajectories, test: Trajectories) -> tuple[Forecast, Array]:
    """A rollout from the end of the training part over the samples held out.

    Args:
        fit: to the training part.
        train: the first part of each run.
        test: the last part of each run that is long enough.

    Returns:
        How well it went, and the rollout of the first run: columns t and the states.
    """
    errors, still, rollouts = [], [], []
    spread = np.nanstd(np.concatenate([run.states for run in train.runs]), axis=0)
    path = fit.path()
    names = [run.name for run in train.runs]
    for run in test.runs:
        owner = names.index(run.name)
        last = max(s for s, o in enumerate(fit.segments.owner) if o == owner)
        joined = Trajectories(train.states, train.inputs, (_prepend(train.runs[owner], run),))
        segments = cut(smooth(joined), len(run) + 1)
        grid = segments.time_grid(max(4, fit.system.grid.substeps))
        ahead = flow(fit.rhs, path[last, -1][None], fit.c, grid)[0, 1:]
        rollouts.append(np.c_[run.times, ahead])
        errors.append((ahead - run.states) / spread)
        still.append((train.runs[owner].states[-1] - run.states) / spread)
    return Forecast(sum(map(len, test.runs)), _rms(errors), _rms(still)), rollouts[0]


def _prepend(train: Trajectory, test: Trajectory) -> Trajectory:
    """The last sample of one part before the other."""
    return Trajectory(
        np.r_[train.times[-1:], test.times],
        np.r_[train.states[-1:], test.states],
        np.r_[train.inputs[-1:], test.inputs],
        test.name,
    )


def _rms(parts: Sequence[Array]) -> float:
    stacked = np.concatenate(parts)
    with np.errstate(all="ignore"):
        value = float(np.sqrt(np.nanmean(np.where(np.isinf(stacked), 1e300, stacked) ** 2)))
    return value if np.isfinite(value) else float("inf")


def fitted_paths(fit: Fit) -> tuple[Array, ...]:
    """For each run the fitted curve at its samples: columns t and the states."""
    path = fit.path()
    out = []
    for owner in range(len(fit.segments.smoothed)):
        rows = [
            np.c_[fit.segments.times[s], path[s]]
            for s, o in enumerate(fit.segments.owner)
            if o == owner
        ]
        stacked = np.concatenate(rows)
        _, first = np.unique(stacked[:, 0], return_index=True)
        out.append(stacked[first])
    return tuple(out)
