"""Runs cut into segments of equal numbers of samples, each with its own start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.ode.flow import TimeGrid, stage_times
from kanpde.dynamics.ode.smoothing import SmoothRun, interpolate_inputs


@dataclass(frozen=True)
class Segments:
    """S segments of M samples: times (S, M), values (S, M, n) with NaN for gaps and padding.

    `owner` (S,) is the run of each segment and `starts` (S, n) the smoothed state at its
    first sample. Neighbours share a sample, so that no interval is lost.
    """

    times: Array
    values: Array
    starts: Array
    owner: tuple[int, ...]
    smoothed: tuple[SmoothRun, ...]

    @property
    def count(self) -> int:
        return len(self.owner)

    @property
    def samples(self) -> int:
        return int(self.times.shape[1])

    def time_grid(self, substeps: int) -> TimeGrid:
        """The integration grid, with the inputs at every stage."""
        at = stage_times(self.times, substeps)
        width = self.smoothed[0].run.inputs.shape[1]
        inputs = np.zeros((*at.shape, width))
        if width:
            owners = np.array(self.owner)
            for owner in np.unique(owners):
                own = owners == owner
                inputs[..., own, :] = interpolate_inputs(self.smoothed[owner].run, at[..., own])
        return TimeGrid(self.times, inputs, substeps)


def cut(smoothed: Sequence[SmoothRun], intervals: int) -> Segments:
    """Segments of at most `intervals` intervals, as even as the runs allow."""
    pieces: list[tuple[int, int, int]] = []
    for owner, each in enumerate(smoothed):
        total = len(each.run) - 1
        parts = max(1, -(-total // intervals))
        edges = np.linspace(0, total, parts + 1).round().astype(int)
        pieces += [(owner, int(a), int(b)) for a, b in pairwise(edges)]
    samples = max(b - a for _, a, b in pieces) + 1
    n = smoothed[0].run.states.shape[1]
    times = np.empty((len(pieces), samples))
    values = np.full((len(pieces), samples, n), np.nan)
    starts = np.empty((len(pieces), n))
    for k, (owner, a, b) in enumerate(pieces):
        run = smoothed[owner].run
        times[k] = run.times[b]
        times[k, : b - a + 1] = run.times[a : b + 1]
        values[k, : b - a + 1] = run.states[a : b + 1]
        if a > 0:
            # The shared sample counts once, for the segment that ends there.
            values[k, 0] = np.nan
        starts[k] = smoothed[owner].values(run.times[a : a + 1])[0]
    return Segments(times, values, starts, tuple(p[0] for p in pieces), tuple(smoothed))
