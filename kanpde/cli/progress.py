"""The live line of long work: rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

from kanpde.operator.trainer import Look

_INTERVAL = 5.0  # seconds between plain lines


class LiveLine:
    """Shows one line of text after the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal = stream, stream.isatty()
        self._last, self._open = -_INTERVAL, False

    def __call__(self, text: str, *, now: bool = False) -> None:
        """Show a line; where the output is no terminal, at most every few seconds or `now`."""
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{text}")
            self._open = True
        elif now or time.monotonic() - self._last >= _INTERVAL:
            self._stream.write(text + "\n")
            self._last = time.monotonic()
        self._stream.flush()

    def end(self) -> None:
        """Leave the last line as it stands."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False


def line(look: Look, member: int, members: int) -> str:
    """Network, epoch, loss, held-out error, time left."""
    which = f"network {member + 1} of {members}, " if members > 1 else ""
    return (
        f"{which}epoch {look.epoch} of {look.epochs} | loss {look.loss:.2e} | "
        f"held-out error {look.validation:.2e} | {look.seconds:.0f} s, "
        f"about {look.left:.0f} s left"
    )


class Counter:
    """Progress of a count of samples."""

    def __init__(self, live: LiveLine, total: int) -> None:
        self.live, self.total, self.done = live, total, 0
        self._start = time.monotonic()

    def __call__(self, more: int) -> None:
        self.done += more
        spent = time.monotonic() - self._start
        left = spent * (self.total - self.done) / max(self.done, 1)
        self.live(
            f"{self.done} of {self.total} samples | {spent:.0f} s, about {left:.0f} s left",
            now=self.done == self.total,
        )
