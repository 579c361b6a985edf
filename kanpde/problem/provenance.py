"""Which problem files kanpde has written itself: a run folder may come from anybody.

To resume a run is to run the code of its `problem.py`. What a command of this user wrote is known
by a mark in `run.json`: the file's number on its disk and the time of its last change, in
nanoseconds. Both are given by the system and cannot be set by a program, so that an archive cannot
bring a file that fits its mark; a copied or edited file does not fit either, and is asked about.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from kanpde.files.whole import write_json
from kanpde.problem.library import shipped, shipped_folder

# The key of the mark in run.json.
MARK = "problem_file"


def mark_file(problem: Path) -> dict[str, int]:
    """What tells this file from any other one; it is kept under `MARK` in run.json."""
    status = problem.stat()
    return {"file": status.st_ino, "changed": status.st_ctime_ns}


def is_own(problem: Path, config: Path) -> bool:
    """Whether a problem file is what a command of this user wrote, or one of the shipped ones.

    Args:
        problem: the problem.py of a run folder.
        config: its run.json, with the mark; both must belong to the user.
    """
    if _is_shipped(problem):
        return True
    # Elsewhere the time of the last change can be set, and files have no owner of this kind.
    if os.name != "posix" or not all(map(_belongs_to_user, (problem, config))):
        return False
    return _read(config).get(MARK) == mark_file(problem)


def accept_file(problem: Path, config: Path) -> None:
    """Mark a problem file as one that the user trusts, so that the question comes once."""
    with suppress(OSError):
        write_json(config, _read(config) | {MARK: mark_file(problem)})


def _read(config: Path) -> dict[str, Any]:
    try:
        data = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _belongs_to_user(path: Path) -> bool:
    status = path.lstat()
    is_plain = stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IWOTH
    return is_plain and status.st_uid == os.geteuid()


def _is_shipped(path: Path) -> bool:
    """Whether a file is, byte for byte, one of the shipped problems."""
    content = path.read_bytes()
    return any((shipped_folder() / f"{n}.py").read_bytes() == content for n in shipped())
