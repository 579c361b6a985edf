"""Writing a file as a whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kanpde.errors import KanpdeError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a new name beside `path`; what is written there takes the name `path` at the end.

    A reader sees the old file or the new one, never a part, and an error leaves no trace.
    Folders on the way to `path` are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def check_file_name(name: str) -> None:
    """Raises KanpdeError unless `name` is plain enough for a file and a reference in XML."""
    if not re.fullmatch(r"\w[\w.+=-]*", name):
        raise KanpdeError(
            f"{name!r} cannot begin the name of a file: take letters, digits and any of _.+=- "
            "(a folder goes into the first argument)."
        )
