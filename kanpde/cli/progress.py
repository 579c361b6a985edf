"""What the live line says: of a solve, of the training of an operator, of a count of samples."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kanpde.cli.live import LiveLine

if TYPE_CHECKING:
    from kanpde.operator.training import Look
    from kanpde.reference import Reference
    from kanpde.training.session import Progress


def describe_progress(progress: Progress, reference: Reference | None = None) -> str:
    """Stage, step, loss by condition, error or estimate, and time left of a solve.

    `reference` is the problem's, whose own error bounds what an error can mean.
    """
    losses = "  ".join(f"{name} {loss:.1e}" for name, loss in progress.losses.items())
    parts = [f"{progress.stage}  step {progress.step}", f"loss {losses}"]
    if progress.errors:
        shown = {n: _format_error(e.rel_l2, reference) for n, e in progress.errors.items()}
        parts.append("error " + " ".join(f"{n} {text}" for n, text in shown.items()))
    elif progress.estimate is not None:
        parts.append(f"estimated error {progress.estimate:.0e}")
    parts.append(f"{progress.seconds:.0f} s, at most {progress.left:.0f} s left")
    return " | ".join(parts)


def _format_error(error: float, reference: Reference | None) -> str:
    return f"{error:.1e}" if reference is None else reference.shown(error, digits=1)


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
