"""Commands under torchrun: rank 0 does what the command says, and the others evaluate for it."""

from __future__ import annotations

from collections.abc import Callable

from kanpde.cli.messages import Answer
from kanpde.distributed.environment import is_ranked
from kanpde.distributed.join import join_ranks
from kanpde.distributed.ranks import Ranks
from kanpde.training.sharing import follow


def run_ranked(
    device: Callable[[], str],
    lead: Callable[[str | Ranks], Answer],
    follow: Callable[[Ranks], None] = follow,
) -> Answer:
    """`lead` on the device, or on rank 0 with all ranks, which `follow`; this process's answer."""
    if not is_ranked():
        return lead(device())
    with join_ranks(device) as ranks:
        if ranks.rank == 0:
            return lead(ranks)
        follow(ranks)
        return Answer()


def name_device(place: str | Ranks) -> str:
    """cpu or cuda: where one process, or all ranks, compute."""
    return place.device.type if isinstance(place, Ranks) else place
