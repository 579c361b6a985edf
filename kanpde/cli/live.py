"""The live line of long work: rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

# Seconds between plain lines where the output is not a terminal.
_INTERVAL = 5.0


class LiveLine:
    """Shows one line of text after the other; use it as a context manager."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False) if stream.isatty() else None
        self._last = -_INTERVAL
        self._stage = ""

    def __enter__(self) -> LiveLine:
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

    def show(self, text: str, stage: str = "", *, now: bool = False) -> None:
        """Show a line in place of the previous one.

        Where the output is not a terminal, a line is printed if it is the first of its `stage`,
        if it must be seen `now`, or if the previous one is some seconds old.
        """
        if self._live:
            self._live.update(Text(text), refresh=True)
        elif now or stage != self._stage or time.monotonic() - self._last >= _INTERVAL:
            self._console.print(text, markup=False)
            self._stage, self._last = stage, time.monotonic()
