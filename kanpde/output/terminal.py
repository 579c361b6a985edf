"""Text that may be printed: what files and people say must not steer the terminal."""

from __future__ import annotations


def escape_controls(text: str) -> str:
    """The text with control characters as escapes such as \\x1b, but ends of lines and tabs.

    Names and notes of foreign files are printed, and could recolour, erase, retitle or turn the
    direction of writing.
    """
    return "".join(
        c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
