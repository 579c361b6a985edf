"""Code of a run folder is run only where the user wrote it, or says that it may be run."""

from __future__ import annotations

import sys
from pathlib import Path

from kanpde.cli.messages import say
from kanpde.errors import KanpdeError
from kanpde.problem.provenance import accept_file, is_own


def require_trust(problem: Path, config: Path, *, trust: bool) -> None:
    """Say that the code of a run folder is run, and ask where somebody else may have written it.

    Args:
        problem: its problem.py.
        config: its run.json.
        trust: whether the user has said already that it may be run.

    Raises:
        KanpdeError: it may not be run.
    """
    if not problem.is_file():
        return  # the sentence about it comes where it is read
    if is_own(problem, config):
        say(f"runs {problem}, which kanpde wrote here")
        return
    what = f"{problem} is Python code that kanpde did not write here, or that has changed since"
    if not trust and not (sys.stdin.isatty() and _confirm(what)):
        raise KanpdeError(
            f"{what}; resuming would run it, so look at it, and add --trust if it may be run"
        )
    accept_file(problem, config)
    say(f"runs {problem}, which you trust")


def _confirm(what: str) -> bool:
    say(f"{what}.")
    try:
        return input("Run it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
