"""The newest of many values on disk: at once, then every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Saver(Generic[Value]):
    """Saves the first value at once, and of later ones the newest every `interval` seconds.

    An OSError of the first save is raised: what cannot be saved at all should not be trained. One
    of a later save is passed to `warn`, since a full disk may be mended while training goes on;
    its value waits for the next one.
    """

    def __init__(
        self,
        save: Callable[[Value], None],
        interval: float,
        warn: Callable[[OSError], None],
    ) -> None:
        self._save, self._interval, self._warn = save, interval, warn
        self._last: float | None = None
        self._waiting: Value | None = None

    def __call__(self, value: Value) -> None:
        """Take a newer value, and save it if it is time."""
        self._waiting = value
        if self._last is None:
            self.flush()
        elif time.monotonic() - self._last >= self._interval:
            try:
                self.flush()
            except OSError as error:
                self._last = time.monotonic()
                self._warn(error)

    def flush(self) -> None:
        """Save the newest value now, if it is not saved yet. Raises OSError if it cannot be."""
        value, self._waiting = self._waiting, None
        if value is None:
            return
        try:
            self._save(value)
        except OSError:
            self._waiting = value
            raise
        self._last = time.monotonic()
