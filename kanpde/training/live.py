"""The live line of long work: rewritten on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

# Seconds between plain lines where the output is not a terminal.
_INTERVAL = 5.0


class LiveLine:
    """Shows one line of text after the other; use it as a context manager."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True, force_jupyter=False)
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

    def begin(self, text: str) -> None:
        """Show what comes before the first line, on a terminal alone."""
        if self._live:
            self._live.update(Text(text), refresh=True)

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


class NotebookLine:
    """A live line below the cell of a notebook; use it as a context manager."""

    def __init__(self) -> None:
        self._display: Any = None

    def __enter__(self) -> NotebookLine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, text: str, stage: str = "", *, now: bool = False) -> None:
        """Show a line in place of the previous one."""
        content = {"text/plain": text}
        if self._display is None:
            # IPython is there, since only a notebook makes this line; kanpde does not ask for it.
            display = import_module("IPython.display").display
            self._display = display(content, raw=True, display_id=True)
        else:
            self._display.update(content, raw=True)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is not imported for it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def line_for_people() -> LiveLine | NotebookLine | None:
    """A line in the notebook or on the terminal of standard error; None where there is neither."""
    if in_notebook():
        return NotebookLine()
    # Standard error is None where a program has no console.
    return LiveLine(sys.stderr) if sys.stderr and sys.stderr.isatty() else None
