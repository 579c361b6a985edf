"""The eight symmetries of a square, acting on fields over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Motion:
    """Reflect the first axis, then the second, then exchange them.

    With `open_end`, the grid is i / n: point 0 stays where it is (u is the same on both
    boundaries, and what lies on the far one is not in the data).
    """

    first: bool
    second: bool
    exchange: bool
    open_end: bool = False

    def __call__(self, u: Tensor) -> Tensor:
        for wanted, axis in ((self.first, -2), (self.second, -1)):
            if wanted:
                u = u.flip(axis)
                u = u.roll(1, axis) if self.open_end else u
        return u.transpose(-1, -2) if self.exchange else u

    def inverse(self, u: Tensor) -> Tensor:
        """The field that this motion takes to u."""
        back = u.transpose(-1, -2) if self.exchange else u
        return Motion(self.first, self.second, False, self.open_end)(back)


def motions(symmetry: str) -> tuple[Motion, ...]:
    """The group of a symmetry's name (see `Pairs`); the identity comes first."""
    if not symmetry.startswith("square"):
        return (Motion(False, False, False),)
    return tuple(_square(open_end=symmetry == "square-open"))


def _square(open_end: bool) -> Iterator[Motion]:
    for k in range(8):
        yield Motion(bool(k & 1), bool(k & 2), bool(k & 4), open_end)
