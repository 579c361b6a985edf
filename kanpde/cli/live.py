"""The live line of a solve: one that is rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kanpde.reference import Reference
from kanpde.training.session import Progress

# Seconds between plain lines where the output is no terminal.
_INTERVAL = 5.0


class Ticker:
    """Shows each look at a run; use it as a context manager.

    `reference` is the problem's, whose own error bounds what an error can mean.
    """

    def __init__(self, stream: TextIO, budget: float, reference: Reference | None = None) -> None:
        self.budget, self.reference = budget, reference
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False) if stream.isatty() else None
        self._last = -_INTERVAL
        self._stage = ""

    def __enter__(self) -> Ticker:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        text = line(progress, self.reference)
        if self._live:
            self._live.update(Text(text), refresh=True)
            return
        now = time.monotonic()
        if progress.stage != self._stage or now - self._last >= _INTERVAL:
            self._console.print(text, markup=False)
            self._stage, self._last = progress.stage, now


def line(progress: Progress, reference: Reference | None = None) -> str:
    """Stage, step, loss by condition, error or estimate, time left."""
    losses = "  ".join(f"{name} {loss:.1e}" for name, loss in progress.losses.items())
    parts = [f"{progress.stage}  step {progress.step}", f"loss {losses}"]
    if progress.errors:
        told = {n: _told(e.rel_l2, reference) for n, e in progress.errors.items()}
        parts.append("error " + " ".join(f"{n} {text}" for n, text in told.items()))
    elif progress.estimate is not None:
        parts.append(f"estimated error {progress.estimate:.0e}")
    parts.append(f"{progress.seconds:.0f} s, at most {progress.left:.0f} s left")
    return " | ".join(parts)


def _told(error: float, reference: Reference | None) -> str:
    return f"{error:.1e}" if reference is None else reference.shown(error, digits=1)
