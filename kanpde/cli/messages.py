"""Text on the terminal: what is found, warnings, and answers for scripts."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from kanpde.output.terminal import escape_controls


@dataclass(frozen=True)
class Answer:
    """What a command found: its exit code, and with `--json` what it prints.

    `data` is None where there is nothing to print, as on the ranks that only evaluate.
    """

    code: int = 0
    data: Mapping[str, Any] | Sequence[Any] | None = None


def say(text: str) -> None:
    """Print text, in which names and notes of a file may stand, on standard output."""
    print(escape_controls(text))


def warn(text: str) -> None:
    """Print a warning on standard error, where it does not disturb what is found."""
    print(f"warning: {escape_controls(text)}", file=sys.stderr)


def report_step(line: str) -> None:
    """Print what is being done, where it does not disturb what is found."""
    print(f"... {line}", file=sys.stderr, flush=True)


@contextmanager
def show_word(text: str) -> Iterator[None]:
    """What is done inside, on a terminal and until it is done; nothing elsewhere."""
    shown = sys.stderr.isatty()
    if shown:
        print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print(f"\r{' ' * len(text)}\r", end="", file=sys.stderr, flush=True)


def say_nothing(line: str) -> None:
    """What `--quiet` prints of a step."""


@contextmanager
def divert_output(*, quiet: bool, as_json: bool) -> Iterator[None]:
    """Standard output ends nowhere with `quiet`, and else on standard error with `as_json`.

    All of it: a problem file may print as well, and the JSON must stand alone.
    """
    if quiet:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
    elif as_json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def format_json(data: Any) -> str:
    """JSON for scripts: indented ASCII, and null for a number that is not finite."""
    return json.dumps(_to_plain(data), indent=2, allow_nan=False)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _to_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item"):  # a number of NumPy
        return _to_plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
