"""Interrupts of the commands: Ctrl-C, `kill` and a terminal that closes mean the same."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds after which an interrupt that was dropped is sent again.
_AGAIN = 0.05


def _send(number: signal.Signals) -> None:
    """Send a signal to the main thread, also where it sleeps."""
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)
    else:  # Windows
        signal.raise_signal(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the work as KeyboardInterrupt, with the best model saved.

    What is ignored stays ignored, as SIGHUP is under `nohup`.

    An interrupt that nobody catches, or a second one, ends the program with the code 130.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    received, working = [signal.SIGINT], [True]

    def stop(number: int, _: object) -> None:
        received[0] = signal.Signals(number)
        raise KeyboardInterrupt

    def ignored(unraisable: sys.UnraisableHookArgs) -> None:
        # Python drops what is raised in a destructor, and the training would go on: it is sent
        # again, a moment later. Not by threading.Timer, whose start takes a lock that the main
        # thread may have when it gets here.
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(send_again, ())
        else:
            hook(unraisable)

    def send_again() -> None:
        time.sleep(_AGAIN)
        if working[0]:  # afterwards the signal would end the process with another code
            _send(received[0])

    before = {
        kind: signal.signal(kind, stop)
        for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
        if (kind := getattr(signal, name, None)) and signal.getsignal(kind) != signal.SIG_IGN
    }
    hook, sys.unraisablehook = sys.unraisablehook, ignored
    try:
        yield
    except BaseException as error:
        # Typer and imports of compiled modules raise exceptions of their own from it.
        if not any(isinstance(e, KeyboardInterrupt) for e in (error, error.__cause__)):
            raise
        print("kanpde: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        working[0] = False
        sys.unraisablehook = hook
        for kind, handler in before.items():
            signal.signal(kind, handler)
