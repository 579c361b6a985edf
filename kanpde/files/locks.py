"""A folder for one process at a time, by a lock of the system that ends with its process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kanpde.errors import KanpdeError

# Where Linux lists the locks that are held: the process, the device and the inode of each.
_LOCKS = Path("/proc/locks")
_HELD = re.compile(r"\d+: FLOCK +\S+ +WRITE +(-?\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) .*")


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads of this one, from holding the folder as well.

    The folder itself is locked, so that there is no file which a killed process could leave. Where
    the file system cannot do that, nothing is locked.

    Raises:
        KanpdeError: it is held already; the message names the process.
        OSError: it is not a folder that can be read.
    """
    try:
        descriptor = _lock(folder)
    except BlockingIOError:
        raise KanpdeError(
            f"{describe_holder(folder) or 'another process'} works in {folder} now; wait until it "
            "has ended, or end it"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int:
    """The descriptor of a locked folder; raises BlockingIOError where another one has it."""
    if sys.platform == "win32":
        # A folder cannot be locked there, and this file is gone when its descriptor is closed.
        try:
            return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_TEMPORARY)
        except PermissionError:
            if not (folder / ".lock").exists():
                raise
            raise BlockingIOError from None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        pass  # a file system without locks, as some in a network are
    return descriptor


def describe_holder(folder: Path) -> str | None:
    """The process that holds a folder, in words, or None where nobody does or it is not known."""
    with suppress(OSError):
        inode = str(folder.stat().st_ino)
        for line in _LOCKS.read_text(encoding="utf-8").splitlines():
            held = _HELD.fullmatch(line)
            if held and held[2] == inode:
                return f"process {held[1]}" if int(held[1]) > 0 else "another process"
    return None
