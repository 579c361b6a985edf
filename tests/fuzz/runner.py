"""Runs one command on a few files, in this process, and says what must not happen."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from kanpde.cli.app import main

# Seconds of this process's own time: a busy machine takes no longer.
LIMIT = 60.0


@dataclass(frozen=True)
class Case:
    """A command line, and the files that lie in its folder."""

    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        shown = {name: content[:3000] for name, content in self.files.items()}
        return f"Case({self.arguments!r}, {shown!r})"


class Hang(BaseException):
    """The limit of time is over."""


def _stop(*_: int | FrameType | None) -> None:
    raise Hang


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(case: Case) -> str | None:
    """What is wrong with the answer to a case: None, or a sentence, with the traceback if any."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, content in case.files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        wrong = _run(case)
        parts = [str(path) for path in Path().rglob("*.part*")]
        return wrong or (f"left behind: {parts}" if parts else None)


def _run(case: Case) -> str | None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with _limited(LIMIT), warnings.catch_warnings():
                # A warning of NumPy's shows a line of the source to the user.
                warnings.simplefilter("error")
                main(list(case.arguments))
        except SystemExit as end:
            code = end.code
        except Hang:
            return "hang\n" + "".join(traceback.format_exc(limit=-6))
        except BaseException:
            return "traceback\n" + traceback.format_exc(limit=-6)
        else:
            code = 0
    return _judge(code, out.getvalue(), err.getvalue())


def _judge(code: object, out: str, err: str) -> str | None:
    if code not in (None, 0, 1, 2, 3, 130):
        return f"exit code {code!r}"
    if code and not (out + err).strip():
        return f"exit code {code} without a word"
    if "Traceback" in out + err:
        return f"a traceback in the output\n{err}"
    if code == 2 and sum(line.startswith("kanpde: ") for line in err.splitlines()) != 1:
        return f"exit code 2 without one sentence\n{err}"
    return None


def finish_quietly() -> None:
    """Close pictures that a case left open."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    os.chdir(Path(__file__).parent)
