"""The largest absolute value of a function on a box, from below and from above.

Branch and bound: a part of the box whose Taylor model leaves too much open is cut, along the axes
that its terms of high degree depend on. An estimate of a part costs some milliseconds, so that
parts are cut as often as the degree of the models foretells, not one time after the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.field_models import Boxes
from kanpde.bounds.monomials import UP
from kanpde.bounds.ranges import bound_mean_square, find_range
from kanpde.bounds.taylor_model import TaylorModel


@dataclass(frozen=True)
class SearchPolicy:
    """How a supremum is looked for."""

    # The ratio of upper and lower bound at which a search ends: halving it again costs 2 to 4 times
    # as much, and a bound that is 5 % too large is as good.
    ratio: float = 1.05
    # Boxes in one evaluation: at 32 the overhead of Python was two thirds of the time, at 128 a
    # third; 512 need about 0.5 GB at degree 12.
    chunk: int = 384
    # Cuts of an axis at once, and the most boxes that a box becomes.
    halvings: int = 3
    children: int = 64
    # An upper bound below it is small enough in any case.
    aim: float = 0.0
    # The power of the size of a box by which a radius falls, about: the degree of models of a
    # residual of second order, less one.
    order: float = 8.0


SEARCH_POLICY = SearchPolicy()


@dataclass(frozen=True)
class Supremum:
    """lower <= sup |f| <= upper, from a number of boxes; the search may have ended early.

    `mean` is an upper bound of the root of the mean square.
    """

    lower: float
    upper: float
    boxes: int = 0
    complete: bool = True
    mean: float = math.inf

    @property
    def is_known(self) -> bool:
        """Whether there is a finite upper bound."""
        return math.isfinite(self.upper)


# What is known where the deadline came before the first look.
UNKNOWN = Supremum(0.0, math.inf, 0, False)


@dataclass(frozen=True)
class Models:
    """What is known of some boxes: models of batch (N,) by name, and one whose terms say where to
    cut: `guide` has the batch (outputs, N).
    """

    named: Mapping[str, TaylorModel]
    guide: TaylorModel


Evaluate = Callable[[Boxes], Models]
Report = Callable[[str], None]


class Where(Protocol):
    """A domain inside of a box."""

    def meets(self, boxes: Boxes) -> AnyArray:
        """Which boxes (N,) may have a point in common with it."""

    def within(self, boxes: Boxes) -> AnyArray:
        """Which boxes (N,) lie in it for sure."""


@dataclass
class Deadline:
    """A time at which a search ends with what it has."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return self.seconds - (time.monotonic() - self.started)

    def part(self, share: float) -> Deadline:
        """A deadline after a share of what is left."""
        return Deadline(max(self.left, 0.0) * share)


@dataclass
class _Leaves:
    """The boxes so far, with bounds of each name's absolute value (names, N)."""

    boxes: Boxes
    upper: Array
    reached: Array
    radius: Array
    weights: Array
    squares: Array

    def keep(self, at: AnyArray) -> _Leaves:
        return _Leaves(
            self.boxes[at], self.upper[:, at], self.reached[:, at],
            self.radius[at], self.weights[at], self.squares[:, at],
        )  # fmt: skip

    def join(self, other: _Leaves) -> _Leaves:
        a, b = self.boxes, other.boxes
        return _Leaves(
            Boxes(np.concatenate([a.centres, b.centres]), np.concatenate([a.halves, b.halves])),
            np.concatenate([self.upper, other.upper], 1),
            np.concatenate([self.reached, other.reached], 1),
            np.concatenate([self.radius, other.radius]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.squares, other.squares], 1),
        )


def find_suprema(
    evaluate: Evaluate,
    start: Boxes,
    name: str,
    deadline: Deadline,
    report: Report,
    policy: SearchPolicy = SEARCH_POLICY,
    where: Where | None = None,
) -> dict[str, Supremum]:
    """Bounds of the absolute value of each named function on the boxes together.

    Boxes that do not meet `where` are left out, and what is reached counts inside of it only.

    The search is for `name`; the others are bounded on the same boxes. It ends at the ratio of
    the policy, or at the deadline with `complete` False.
    """
    search = _Search(evaluate, name, report, policy, where)
    leaves = search.look(start, deadline)
    while deadline.left > 0 and leaves is not None:
        open_ = search.find_open(leaves)
        if not len(open_):
            break
        chosen = open_[: policy.chunk]
        children = search.cut(leaves, chosen)
        found = search.look(children, deadline)
        if found is None and deadline.left <= 0:
            break
        rest = leaves.keep(np.setdiff1d(np.arange(len(leaves.boxes)), chosen))
        leaves = rest if found is None else rest.join(found)
    return search.conclude(leaves)


class _Search:
    def __init__(
        self,
        evaluate: Evaluate,
        name: str,
        report: Report,
        policy: SearchPolicy,
        where: Where | None,
    ) -> None:
        self._evaluate, self._report, self._policy = evaluate, report, policy
        self._where = where
        self._name, self._names = name, [name]
        self.count, self._lower = 0, 0.0

    def look(self, boxes: Boxes, deadline: Deadline) -> _Leaves | None:
        """Evaluate boxes, chunk by chunk.

        None where the deadline does not allow it, or where there are none.
        """
        found: _Leaves | None = None
        if self._where is not None:
            boxes = boxes[self._where.meets(boxes)]
        for k in range(0, len(boxes), self._policy.chunk):
            if deadline.left <= 0:
                return None
            part = self._look(boxes[k : k + self._policy.chunk])
            found = part if found is None else found.join(part)
            self._lower = max(self._lower, float(part.reached[0].max()))
            self._report(
                f"{self._name}: {self.count} boxes | at least {self._lower:.2e} | "
                f"{max(deadline.left, 0):.0f} s left"
            )
        return found

    def _look(self, boxes: Boxes) -> _Leaves:
        with np.errstate(all="ignore"):
            models = self._evaluate(boxes)
            self._names = [self._name, *(n for n in models.named if n != self._name)]
            ranges = [find_range(models.named[n]) for n in self._names]
            weights = _weigh_axes(models.guide)
            squares = [bound_mean_square(models.named[n]) for n in self._names]
        self.count += len(boxes)
        counts = 1.0 if self._where is None else self._where.within(boxes)
        return _Leaves(
            boxes,
            np.stack([r.size for r in ranges]),
            np.stack([r.reached for r in ranges]) * counts,
            ranges[0].radius,
            weights,
            np.stack([np.minimum(s, r.size**2) for s, r in zip(squares, ranges, strict=True)]),
        )

    def find_open(self, leaves: _Leaves) -> AnyArray:
        """Boxes whose upper bound is too far above what is reached, the largest first."""
        aim = max(self._policy.ratio * self._lower, self._policy.aim, 1e-300)
        order = np.argsort(-leaves.upper[0], kind="stable")
        return np.asarray(order[leaves.upper[0][order] > aim])

    def cut(self, leaves: _Leaves, chosen: AnyArray) -> Boxes:
        """The parts of the chosen boxes."""
        boxes = leaves.boxes[chosen]
        target = max(0.25 * (self._policy.ratio - 1) * self._lower, 0.25 * self._policy.aim, 1e-300)
        radius, weights = leaves.radius[chosen], leaves.weights[chosen]
        excess = np.log2(np.maximum(radius, 1e-300)) - math.log2(target)
        known = np.isfinite(radius) & (radius > target)
        with np.errstate(divide="ignore", invalid="ignore"):
            per_axis = (excess[:, None] + np.log2(np.maximum(weights, 1e-30))) / self._policy.order
        halvings = np.clip(np.ceil(np.nan_to_num(per_axis)), 0, self._policy.halvings)
        # A box without a bound, or one that only its range makes too large, is cut everywhere.
        halvings[~known] = 1
        halvings[boxes.halves == 0] = 0
        idle = halvings.sum(1) == 0
        halvings[idle, np.argmax(weights[idle], 1)] = 1
        most = int(math.log2(self._policy.children))
        while (halvings.sum(1) > most).any():
            over = halvings.sum(1) > most
            halvings[over, np.argmax(halvings[over], 1)] -= 1
        parts = []
        for pattern in np.unique(halvings, axis=0):
            own = (halvings == pattern).all(1)
            parts.append(_split(boxes[own], (2**pattern).astype(int)))
        return Boxes(
            np.concatenate([p.centres for p in parts]), np.concatenate([p.halves for p in parts])
        )

    def conclude(self, leaves: _Leaves | None) -> dict[str, Supremum]:
        if leaves is None:
            return {self._name: Supremum(self._lower, math.inf, self.count, False)}
        done = not len(self.find_open(leaves))
        halves = leaves.boxes.halves
        volumes = np.prod(halves[:, (halves > 0).any(0)], axis=1)
        means = np.sqrt(UP * (leaves.squares @ volumes) / volumes.sum()) * UP
        return {
            name: Supremum(
                float(leaves.reached[k].max()),
                float(UP * leaves.upper[k].max()),
                self.count,
                done,
                float(means[k]),
            )
            for k, name in enumerate(self._names)
        }


def _weigh_axes(guide: TaylorModel) -> Array:
    """How much of the terms of the highest degrees belongs to each axis, (N, d); sums are one."""
    space = guide.space
    high = space.degrees >= space.degree - 1
    sizes = np.abs(guide.coefficients[high]).reshape(high.sum(), -1, guide.radii.shape[-1]).sum(1)
    sizes = np.nan_to_num(sizes, nan=0.0, posinf=0.0)
    shares = sizes.T @ space.exponents[high]
    total = shares.sum(1, keepdims=True)
    even = np.full_like(shares, 1 / space.dimension)
    return np.asarray(np.where(total > 0, shares / np.maximum(total, 1e-300), even))


def _split(boxes: Boxes, parts: AnyArray) -> Boxes:
    """Each box cut into parts[i] along axis i."""
    grids = [(2 * np.arange(n) + 1) / n - 1 for n in parts]
    places = np.stack([g.ravel() for g in np.meshgrid(*grids, indexing="ij")], 1)
    centres = boxes.centres[:, None] + boxes.halves[:, None] * places
    # Slightly larger, so that they cover the box however their centres are rounded.
    halves = np.broadcast_to((boxes.halves / parts * UP)[:, None], centres.shape)
    return Boxes(centres.reshape(-1, boxes.centres.shape[1]), halves.reshape(-1, len(parts)).copy())
