"""Which of many boxes hold a point: boxes in bins of an even grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.cells import IntArray

# Bins at most, points looked up at once, and bins that the longest box may cross in a mean bin.
_BINS, _CHUNK = 2_000_000, 50_000


class BoxIndex:
    """Boxes (M, d) from `low` to `high`, to be looked up by points."""

    def __init__(self, low: Array, high: Array) -> None:
        self.low, self.high = low, high
        self.start, extent = low.min(0), np.maximum(high.max(0) - low.min(0), 1e-300)
        mean = np.maximum((high - low).mean(0), extent * 1e-6)
        counts = np.maximum(extent / mean, 1)
        counts *= min(1.0, (_BINS / counts.prod()) ** (1 / len(counts)))
        self.counts = np.maximum(counts.astype(np.int64), 1)
        self.width = extent / self.counts
        first, last = self._bin(low), self._bin(high)
        sides = last - first + 1
        number = sides.prod(1)
        owner = np.repeat(np.arange(len(low)), number)
        inside = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
        bins = np.zeros(len(owner), np.int64)
        for k in range(low.shape[1]):
            step, inside = inside % sides[owner, k], inside // sides[owner, k]
            bins = bins * self.counts[k] + first[owner, k] + step
        order = np.argsort(bins, kind="stable")
        self.owners = owner[order]
        self.ends = np.searchsorted(bins[order], np.arange(int(self.counts.prod()) + 1))

    def _bin(self, points: Array) -> IntArray:
        found = np.floor((points - self.start) / self.width)
        return np.asarray(np.clip(found, 0, self.counts - 1).astype(np.int64))

    def pairs(self, points: Array) -> Iterator[tuple[IntArray, IntArray]]:
        """Numbers of points (N, d) and of boxes that hold them, pair by pair, in several parts."""
        for at in range(0, len(points), _CHUNK):
            part = points[at : at + _CHUNK]
            bins = np.zeros(len(part), np.int64)
            for k, column in enumerate(self._bin(part).T):
                bins = bins * self.counts[k] + column
            first, last = self.ends[bins], self.ends[bins + 1]
            number = last - first
            point = np.repeat(np.arange(len(part)), number)
            place = np.arange(len(point)) - np.repeat(np.cumsum(number) - number, number)
            box = self.owners[first[point] + place]
            here = part[point]
            kept = ((here >= self.low[box]) & (here <= self.high[box])).all(1)
            yield at + point[kept], box[kept]
