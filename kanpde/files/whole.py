"""Files that appear whole or not at all, and JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import secrets
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

# A part of a file bears the machine and the process that write it, so that another writer can
# tell what was left behind from what is being written. Eight digits of the machine's name.
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_PART = re.compile(r"\..*\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.part(\.\w+)?")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new name beside `path`; what is written there takes the name `path` at the end.

    A reader sees the old file or the new one, never a part, and an error leaves no trace. What
    a writer that was killed left in the folder is removed. Folders on the way to `path` are
    made. The new name keeps the suffix, by which some writers choose their format.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(target.parent)
    mark = f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    part = target.with_name(f".{target.stem}.{mark}.part{target.suffix}")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _remove_orphans(folder: Path) -> None:
    """Remove the parts of files whose writer, a process of this machine, has ended."""
    if os.name != "posix":  # elsewhere asking after a process may end it
        return
    for each in os.scandir(folder):
        found = _PART.fullmatch(each.name)
        if found and found["host"] == _HOST and not _is_alive(int(found["process"])):
            Path(each.path).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to somebody else
        return True
    return True


def find_beside(given: str | os.PathLike[str]) -> Path:
    """A file that a problem file names: beside that file, or else in the working directory.

    The problem file is the nearest caller outside of kanpde. A run folder has copies of what its
    problem reads, under their bare names: they are found last.
    """
    path = Path(given)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("kanpde."):
        frame = frame.f_back
    caller = None if frame is None else frame.f_globals.get("__file__")
    folder = Path() if caller is None else Path(caller).parent
    return next((p for p in (folder / path, path, folder / path.name) if p.exists()), path)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file that takes the name `path` when it is complete."""
    with replacing(path) as part:
        write(part)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write JSON, indented, whole or not at all; NumPy's numbers count as those of Python."""
    write_text(path, json.dumps(data, indent=2, default=_plain, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def finite_or_none(value: float | None) -> float | None:
    """The number as JSON can hold it: None where it is not finite."""
    return float(value) if value is not None and math.isfinite(value) else None
