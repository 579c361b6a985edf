"""Interrupts that wait for the end of an exchange between processes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP take effect at the end of the block, not inside of it.

    A message of which half is sent leaves the other process waiting for the rest. Signals reach
    the main thread only; in another one nothing is held.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    kinds = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {
        kind: signal.signal(kind, lambda number, _: received.append(number))
        for kind in kinds
        if kind is not None and callable(signal.getsignal(kind))
    }
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        if received:
            signal.raise_signal(received[0])


def ignore_interrupts() -> None:
    """From now on nothing but rank 0 ends this process; a terminal interrupts all ranks at once."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            kind = getattr(signal, name, None)  # Windows has no SIGHUP
            if kind is not None:
                signal.signal(kind, signal.SIG_IGN)
