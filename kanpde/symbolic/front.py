"""Many supports at once: what each leaves of a target, and what other columns would take of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.arrays import Array

# The share of a column that others must leave for it to be new.
_ROOM = 1e-9


@dataclass(frozen=True)
class Front:
    """S supports at once: the rows (S, k), orthonormal bases (S, k, N), room (S, P), rest (S, N).

    `room` is the share of each unit column outside of a support's span.
    """

    rows: list[list[int]]
    bases: Array
    room: Array
    rest: Array

    def gains(self, unit: Array) -> Array:
        """How much of the rest each column would take, (S, P)."""
        gains = (self.rest @ unit.T) ** 2 / np.maximum(self.room, _ROOM)
        gains[self.room <= _ROOM] = 0
        for own, rows in zip(gains, self.rows, strict=True):
            own[rows] = 0
        return np.asarray(gains)

    def extend(self, unit: Array, new: NDArray[np.intp]) -> Front:
        """One column more for each support."""
        fresh = unit[new]
        for _ in range(2):  # Once leaves rounding errors that count when the misfit is 1e-12.
            inside = np.einsum("skn,sn->sk", self.bases, fresh)
            fresh = fresh - np.einsum("sk,skn->sn", inside, self.bases)
            fresh /= np.maximum(np.linalg.norm(fresh, axis=1, keepdims=True), 1e-300)
        rest = self.rest - np.sum(self.rest * fresh, 1, keepdims=True) * fresh
        return Front(
            [[*rows, int(k)] for rows, k in zip(self.rows, new, strict=True)],
            np.concatenate([self.bases, fresh[:, None]], 1),
            self.room - (fresh @ unit.T) ** 2,
            rest,
        )

    def best_pair(
        self, unit: Array, most: int, products: Array | None = None
    ) -> tuple[int, int] | None:
        """The two columns that together take most of the rest of a front of one.

        Among the `most` columns that take most of it alone. `products` (P, P) are those of the
        columns, where they are known; to noise their rounding errors do not matter, and without
        them 60 % of a search in noise was spent here.
        """
        gains = self.gains(unit)[0]
        some = np.argsort(-gains)[: min(most, int((gains > 0).sum()))]
        if len(some) < 2:
            return None
        inside = unit[some] @ self.bases[0].T
        if products is None:
            outside = unit[some] - inside @ self.bases[0]
            outside /= np.linalg.norm(outside, axis=1, keepdims=True)
            alone, gram = outside @ self.rest[0], outside @ outside.T
        else:
            gram = products[np.ix_(some, some)]
            gram -= inside @ inside.T
            size = np.sqrt(np.maximum(np.diag(gram), _ROOM))
            alone = unit[some] @ self.rest[0] / size
            gram /= size
            gram /= size[:, None]
        # (a^2 + b^2 - 2 g a b) / (1 - g^2), in as few new arrays as may be.
        both = gram * alone
        both *= -2 * alone[:, None]
        both += alone[:, None] ** 2
        both += alone**2
        room = np.subtract(1, np.square(gram, out=gram), out=gram)
        both[room <= 1e-6] = 0
        both /= np.maximum(room, 1e-6, out=room)
        a, b = np.unravel_index(int(both.argmax()), both.shape)
        return int(some[a]), int(some[b])

    def repeat(self, count: int) -> Front:
        """A front of one as `count` equal ones."""
        some = np.zeros(count, dtype=int)
        return Front(self.rows * count, self.bases[some], self.room[some], self.rest[some])

    def keep(self, which: NDArray[np.bool_]) -> Front:
        """Some of the supports."""
        rows = [r for r, k in zip(self.rows, which, strict=True) if k]
        return Front(rows, self.bases[which], self.room[which], self.rest[which])

    def swap_oldest(self, unit: Array, target: Array) -> Front:
        """The term that came first beside the constant for the one that suits the others best."""
        others = [[rows[0], *rows[2:]] for rows in self.rows]
        front = project(unit, target, others)
        gains = front.gains(unit)
        # Where nothing gains, the old term stays.
        best = np.where(gains.max(1) > 0, gains.argmax(1), [rows[1] for rows in self.rows])
        return front.extend(unit, best)


def project(unit: Array, target: Array, supports: list[list[int]]) -> Front:
    """Supports of one size as a front."""
    bases = np.linalg.qr(unit[np.array(supports)].transpose(0, 2, 1))[0].transpose(0, 2, 1)
    inside = bases.reshape(-1, bases.shape[2]) @ unit.T
    room = 1 - np.sum(inside.reshape(len(supports), -1, len(unit)) ** 2, 1)
    rest = target - np.einsum("sk,skn->sn", bases @ target, bases)
    return Front(supports, bases, room, rest)
