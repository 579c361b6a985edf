"""What torchrun, or a scheduler in its way, says to a process by environment variables."""

from __future__ import annotations

import os

from kanpde.errors import KanpdeError

_NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def is_ranked() -> bool:
    """Whether this process was started as one of several, by torchrun or in its way."""
    return all(name in os.environ for name in _NAMES)


def read_rank() -> tuple[int, int]:
    """The number of this process, and of how many. Raises KanpdeError where they do not fit."""
    rank, size = (_read_number(name) for name in ("RANK", "WORLD_SIZE"))
    if not rank < size:
        raise KanpdeError(f"the environment says that this is rank {rank} of {size} ranks")
    return rank, size


def read_local_rank() -> int:
    """The number of this process on its machine."""
    return _read_number("LOCAL_RANK") if "LOCAL_RANK" in os.environ else 0


def read_address() -> str:
    """Where the ranks meet: host and port."""
    return f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"


def require_one_process(command: str) -> None:
    """Raise KanpdeError where torchrun has started several processes of such a command."""
    if is_ranked() and read_rank()[1] > 1:
        raise KanpdeError(
            f"`{command}` runs in one process, and {read_rank()[1]} were started; torchrun is for "
            "`kanpde solve` and `kanpde resume`"
        )


def _read_number(name: str) -> int:
    text = os.environ[name]
    if not text.isdigit():
        raise KanpdeError(f"the environment variable {name} is {text!r}, not a number")
    return int(text)
