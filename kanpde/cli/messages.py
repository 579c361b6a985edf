"""Text on the terminal: what is found, and warnings."""

from __future__ import annotations

import sys

from kanpde.output.terminal import escape_controls


def say(text: str) -> None:
    """Print text, in which names and notes of a file may stand, on standard output."""
    print(escape_controls(text))


def warn(text: str) -> None:
    """Print a warning on standard error, where it does not disturb what is found."""
    print(f"warning: {escape_controls(text)}", file=sys.stderr)
