"""Limits of time and memory for what others ask for: expressions, and headers of files."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kanpde.errors import KanpdeError

# Seconds after which a block that swallowed the end of its time is ended again.
_AGAIN = 1.0
# Seconds between two looks at the clock at least.
_SOONEST = 0.02


class _TimeIsOver(BaseException):
    """Raised inside of a block that takes too long; no library catches it by accident."""


@contextmanager
def time_limit(seconds: float, message: str) -> Iterator[None]:
    """End the block after `seconds` of its thread's own time with a KanpdeError: `message`.

    Works in any thread, for code in Python, such as SymPy's: the block ends between two
    instructions, so that a single operation of compiled code runs to its end first. A busy machine
    does not shorten the time, where the system counts that of threads (not on macOS and Windows).
    """
    here, over, lock = threading.get_ident(), threading.Event(), threading.Lock()
    clock = _find_clock(here)
    end = clock() + seconds

    def watch() -> None:
        due = end
        while not over.wait(max(due - clock(), _SOONEST)):
            if clock() < due:
                continue
            with lock:
                if over.is_set():
                    return
                _raise_in(here, _TimeIsOver)
            due = clock() + _AGAIN

    watcher = threading.Thread(target=watch, name="kanpde time limit", daemon=True)
    try:
        try:
            # In here: an interrupt while it starts must not leave it to end what comes later.
            watcher.start()
            yield
        finally:
            with lock:
                over.set()
            if watcher.is_alive():
                # One whose start was interrupted never ends (see `kanpde.assembly.threads`).
                watcher.join(_AGAIN)
            for _ in range(3):  # what was raised a moment ago arrives here, not behind the block
                pass
    except _TimeIsOver:
        over.set()
        raise KanpdeError(message) from None


def _find_clock(thread: int) -> Callable[[], float]:
    """The time that a thread has worked, or the time of the day where that is not known."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    number = time.pthread_getcpuclockid(thread)
    return lambda: time.clock_gettime(number)


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


def require_memory(place: str, size: float, share: float = 0.8) -> None:
    """Raise KanpdeError where arrays of `size` bytes take more than a share of the memory.

    A file of 1 kB can announce arrays of any size, and reading them would end this process, or
    others.
    """
    memory = _total_memory()
    if size > share * memory:
        raise KanpdeError(
            f"{place} announces {size / 2**30:.3g} GB of numbers, and this machine has "
            f"{memory / 2**30:.3g} GB of memory; take less data"
        )


def _total_memory() -> float:
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not told by the system
        return float("inf")
