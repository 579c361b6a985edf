"""How a process becomes one of the ranks that torchrun, or a scheduler, has started."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import numpy as np
import scipy
import torch
import torch.distributed as dist

from kanpde._version import __version__
from kanpde.distributed.environment import read_address, read_local_rank, read_rank
from kanpde.distributed.ranks import RANK_POLICY, LostRank, Message, RankPolicy, Ranks
from kanpde.errors import KanpdeError

# Bytes for what a rank says of itself.
_LETTERS = 300


@contextmanager
def join_ranks(device: Callable[[], str], policy: RankPolicy = RANK_POLICY) -> Iterator[Ranks]:
    """The ranks that the environment variables of torchrun name, as long as the block runs.

    They talk by gloo, and CUDA devices, one for each process of a machine, by nccl. At the end of
    its block rank 0 lets the others go.

    Args:
        device: asked on rank 0 alone: "cpu" or "cuda", for all.
        policy: how long they wait for each other.

    Raises:
        KanpdeError: a variable is wrong, a rank does not come, the port is in use, a machine has
            fewer devices than processes, or the ranks have different versions of the libraries.
    """
    rank, size = read_rank()
    _start(rank, size, policy)
    try:
        _require_same(_describe_versions(), rank, size)
        place, backend = _choose_place(device() if rank == 0 else "", rank, size)
        seconds = policy.idle if rank else policy.answer
        group = dist.new_group(backend=backend, timeout=timedelta(seconds=seconds))
        ranks = Ranks(rank, size, place, group, policy)
        try:
            yield ranks
        except LostRank:
            raise
        except BaseException:
            _let_go(ranks)
            raise
        _let_go(ranks)
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _let_go(ranks: Ranks) -> None:
    if ranks.rank == 0:
        with suppress(LostRank):
            ranks.tell(Message.END, torch.zeros(1, dtype=torch.uint8))


def _start(rank: int, size: int, policy: RankPolicy) -> None:
    timeout = timedelta(seconds=policy.answer)
    try:
        dist.init_process_group("gloo", rank=rank, world_size=size, timeout=timeout)
    except (RuntimeError, ValueError) as error:
        raise KanpdeError(_describe_failure(rank, size, str(error), policy)) from error


def _describe_failure(rank: int, size: int, reason: str, policy: RankPolicy) -> str:
    where = read_address()
    if "EADDRINUSE" in reason or "already in use" in reason:
        return (
            f"the port of {where} is in use by another program; give torchrun another one, as "
            "--master-port 29501, or --standalone, which finds a free one"
        )
    return (
        f"rank {rank} of {size} did not find the others at {where} within {policy.answer:g} s "
        f"({reason.splitlines()[0]}); check that all are started, and that the port is open"
    )


def _describe_versions() -> str:
    return (
        f"kanpde {__version__}, torch {torch.__version__}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, Python {platform.python_version()}"
    )


def _require_same(own: str, rank: int, size: int) -> None:
    found = gather_texts(own, rank, size)
    for other, name in enumerate(found):
        if name != found[0]:
            raise KanpdeError(
                f"rank 0 has {found[0]}, and rank {other} has {name}; install the same versions on "
                "all machines"
            )


def _choose_place(device: str, rank: int, size: int) -> tuple[torch.device, str]:
    """The device of this process, by its number on its machine, and the backend of the group."""
    if gather_texts(device, rank, size)[0] == "cpu":
        return torch.device("cpu"), "gloo"
    local, count = read_local_rank(), torch.cuda.device_count()
    lack = "" if local < count else f"{platform.node()} has {count} CUDA devices"
    for other, text in enumerate(gather_texts(lack, rank, size)):
        if text:
            raise KanpdeError(
                f"there is no CUDA device for rank {other}: {text}; start at most one process for "
                "each, or take --device cpu"
            )
    return torch.device("cuda", local), "cpu:gloo,cuda:nccl"


def gather_texts(own: str, rank: int, size: int) -> list[str]:
    """What each rank says, on all of them."""
    text = torch.zeros(_LETTERS, dtype=torch.uint8)
    letters = own.encode()[:_LETTERS]
    text[: len(letters)] = torch.tensor(list(letters), dtype=torch.uint8)
    found = [torch.zeros_like(text) for _ in range(size)]
    try:
        dist.all_gather(found, text)
    except RuntimeError as error:
        raise LostRank(f"rank {rank} of {size} lost another one at the start") from error
    return [bytes(each.tolist()).rstrip(b"\0").decode(errors="replace") for each in found]
