"""What the live line says of the training of an operator, and of a count of samples."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kanpde.training.live import LiveLine

if TYPE_CHECKING:
    from kanpde.operator.training import Look


def describe_look(look: Look, member: int, members: int) -> str:
    """Network, epoch, loss, held-out error and time left of the training of an operator."""
    which = f"network {member + 1} of {members}, " if members > 1 else ""
    return (
        f"{which}epoch {look.epoch} of {look.epochs} | loss {look.loss:.2e} | "
        f"held-out error {look.validation:.2e} | {look.seconds:.0f} s, "
        f"about {look.left:.0f} s left"
    )


class Counter:
    """Counts samples on a live line."""

    def __init__(self, live: LiveLine, total: int) -> None:
        self._live, self._total, self._done = live, total, 0
        self._start = time.monotonic()

    def __call__(self, more: int) -> None:
        """Count `more` samples."""
        self._done += more
        spent = time.monotonic() - self._start
        left = spent * (self._total - self._done) / max(self._done, 1)
        self._live.show(
            f"{self._done} of {self._total} samples | {spent:.0f} s, about {left:.0f} s left",
            now=self._done == self._total,
        )
