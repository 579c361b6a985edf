"""Text for the terminal: what is found, warnings, and no escapes of foreign files."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print text, in which names and notes of a file may stand, on standard output."""
    print(escape_controls(text))


def warn(text: str) -> None:
    """Print a warning on standard error, where it does not disturb what is found."""
    print(f"warning: {escape_controls(text)}", file=sys.stderr)


def escape_controls(text: str) -> str:
    """Text without control characters but the ends of lines and tabs.

    What a file says is printed on a terminal, where escapes could recolour, erase or retitle.
    """
    return "".join(
        c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
