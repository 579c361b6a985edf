"""Interrupts of the commands: Ctrl-C, `kill` and a terminal that closes mean the same."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the work as KeyboardInterrupt, with the best model saved.

    What is ignored stays ignored, as SIGHUP is under `nohup`.

    An interrupt that nobody catches, or a second one, ends the program with the code 130.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {
        kind: signal.signal(kind, stop)
        for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
        if (kind := getattr(signal, name, None)) and signal.getsignal(kind) != signal.SIG_IGN
    }
    try:
        yield
    except BaseException as error:
        # Typer and imports of compiled modules raise exceptions of their own from it.
        if not any(isinstance(e, KeyboardInterrupt) for e in (error, error.__cause__)):
            raise
        print("kanpde: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
