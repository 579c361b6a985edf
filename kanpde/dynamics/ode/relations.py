"""Columns that say the same: linear relations that hold at every sample, such as S + I + R = 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.ode.smoothing import SmoothRun

# A relation may leave this many times what the noise of its columns leaves, and rounding errors.
_NOISY = 1.5
_ROUNDING = 1e-9
# Where the noise is a larger share of a column, nearly everything would be a relation.
_CLEAR = 0.1
# Coefficients below this share of the largest are what noise leaves of zero.
_SMALL = 0.03


@dataclass(frozen=True)
class Relation:
    """sum of weights (k,) times columns = level, up to `rest` (rms)."""

    columns: tuple[str, ...]
    weights: Array
    level: float
    rest: float

    def text(self) -> str:
        """Such as `S + I + R = 1`."""
        parts = [_write_part(w, name) for w, name in zip(self.weights, self.columns, strict=True)]
        return f"{' '.join(parts).removeprefix('+ ')} = {self.level:.6g}"


def _write_part(weight: float, name: str) -> str:
    size = "" if abs(weight) == 1 else f"{abs(weight):.6g} "
    return f"{'-' if weight < 0 else '+'} {size}{name}"


def find_relations(data: Trajectories, smoothed: Sequence[SmoothRun]) -> list[Relation]:
    """The linear relations between states that hold within their noise.

    Args:
        data: the trajectories, with n states.
        smoothed: the same, smoothed; they tell the noise.

    Returns:
        At most n - 1 relations, each of which solves for a column that the others do not name.
    """
    table = np.concatenate([run.states for run in data.runs])
    table = table[np.isfinite(table).all(1)]
    n = table.shape[1]
    if n < 2 or len(table) < 5 * n:
        return []
    spread = table.std(0)
    noise = np.stack([s.noise for s in smoothed]).max(0) / spread
    clear = np.flatnonzero(noise < _CLEAR)
    if len(clear) < 2:
        return []
    mean = table.mean(0)
    scaled = (table - mean)[:, clear] / spread[clear]
    _, values, rows = np.linalg.svd(scaled, full_matrices=False)
    left = values / np.sqrt(len(scaled))
    allowed = np.sqrt((rows**2) @ noise[clear] ** 2) * _NOISY + _ROUNDING
    null = rows[left < allowed] / spread[clear]
    names = [data.states[k] for k in clear]
    return [
        _build_relation(weights, table[:, clear], names)
        for weights in _reduce(null * spread[clear]) / spread[clear]
    ]


def _reduce(null: Array) -> Array:
    """Rows that span the same, each with a column of its own in which the others are zero."""
    rows = null.copy()
    for k in range(len(rows)):
        place = int(np.argmax(np.abs(rows[k])))
        rows[k] /= rows[k, place]
        for other in range(len(rows)):
            if other != k:
                rows[other] -= rows[other, place] * rows[k]
    return rows


def _build_relation(weights: Array, table: Array, names: Sequence[str]) -> Relation:
    """The relation with the roundest weights that leave as little."""
    share = np.abs(weights) * table.std(0)
    chosen = np.flatnonzero(share > _SMALL * share.max())
    columns, weights = table[:, chosen], weights[chosen] / weights[chosen[0]]
    rest = float(np.std(columns @ weights))
    limit = 1.1 * rest + _ROUNDING * float(share.max() / share[chosen[0]]) * columns[:, 0].std()
    for digits in range(7):
        short = np.round(weights, digits)
        if np.all(short != 0) and np.std(columns @ short) <= limit:
            weights = short
            break
    sums = columns @ weights
    level = float(sums.mean())
    rest = float(np.std(sums))
    for digits in range(7):
        near = round(level, digits)
        if abs(near - level) <= max(3 * rest / np.sqrt(len(sums)), 1e-9 * float(share.max())):
            level = near
            break
    return Relation(tuple(names[int(k)] for k in chosen), weights, level + 0.0, rest)
