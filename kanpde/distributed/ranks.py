"""The ranks of a process group: what they send each other, and what is said when one is lost.

Rank 0 leads: it runs the whole program, and tells the others what to evaluate. Sums are formed in
a fixed binary tree, so that they do not depend on which rank answers first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from kanpde.errors import KanpdeError


class Message(IntEnum):
    """What rank 0 asks the others for; each comes with a payload."""

    END = 0  # nothing more
    PIECE = 1  # safetensors: the problem, how fields are made, and the network
    BIND = 2  # JSON: how many points each term has; each rank's points follow
    NORMAL = 3  # parameters: J^T J, J^T r and the loss there
    TRIAL = 4  # parameters: J^T r with the same J, and the loss
    GRADIENT = 5  # parameters: the gradient and the loss
    MEMBER = 6  # safetensors: how an operator is trained, and where its training stands
    BATCH = 7  # the rate, a motion and samples: one step on them


_OF_BYTES = (Message.END, Message.PIECE, Message.BIND, Message.MEMBER)


class LostRank(KanpdeError):
    """A rank has ended, or does not answer."""


@dataclass(frozen=True)
class RankPolicy:
    """How long ranks wait for each other, in seconds, and in how many parts sums are formed."""

    # Rank 0 waits so long for an answer, and all for the others at the start. A process that ends
    # is seen at once, since its connections close; this is for one that hangs. The longest step
    # that was measured takes 9 s.
    answer: float = 300.0
    # The others wait so long for rank 0, which may work alone on a diagnosis or a picture.
    idle: float = 7 * 86400.0
    # Points are cut into so many parts, whatever the number of ranks, and into more only where
    # there are more ranks: 1, 2, 4 and 8 ranks then form the same sums, to the last bit.
    parts: int = 8


RANK_POLICY = RankPolicy()


@dataclass(frozen=True)
class Ranks:
    """This process among `size` ones; `device` is where it computes.

    `group` is a torch.distributed process group.
    """

    rank: int
    size: int
    device: torch.device
    group: Any
    policy: RankPolicy = RANK_POLICY

    @property
    def parts(self) -> int:
        """Into how many parts points are cut: a power of two, at least one part for each rank."""
        return max(self.policy.parts, 1 << (self.size - 1).bit_length())

    def own_parts(self, rank: int) -> range:
        """The parts that a rank evaluates."""
        return range(self.parts * rank // self.size, self.parts * (rank + 1) // self.size)

    def tell(self, kind: Message, payload: Tensor) -> None:
        """From rank 0 to all others: bytes, or numbers (P,)."""
        if self.size == 1:
            return
        header = torch.tensor([int(kind), len(payload)])
        with self.reaching("one of the ranks"):
            dist.broadcast(header, 0, group=self.group)
            dist.broadcast(payload.detach().cpu().contiguous(), 0, group=self.group)

    def hear(self) -> tuple[Message, Tensor]:
        """What rank 0 tells next. Raises LostRank where it has ended."""
        header = torch.zeros(2, dtype=torch.int64)
        with self.reaching("rank 0"):
            dist.broadcast(header, 0, group=self.group)
            kind, length = Message(int(header[0])), int(header[1])
            dtype = torch.uint8 if kind in _OF_BYTES else torch.float64
            payload = torch.empty(length, dtype=dtype)
            dist.broadcast(payload, 0, group=self.group)
        return kind, payload

    def send(self, tensor: Tensor, rank: int) -> None:
        """A tensor for one rank."""
        with self.reaching(f"rank {rank}"):
            dist.send(tensor.contiguous(), rank, group=self.group)

    def receive(self, out: Tensor, rank: int) -> Tensor:
        """Fill `out` with what a rank sends."""
        with self.reaching(f"rank {rank}"):
            dist.recv(out, rank, group=self.group)
        return out

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, on rank 0; the others get back a part of it."""
        step = 1
        while step < self.size:
            if self.rank % (2 * step):
                self.send(tensor, self.rank - step)
                break
            if self.rank + step < self.size:
                tensor = tensor + self.receive(torch.empty_like(tensor), self.rank + step)
            step *= 2
        return tensor

    @contextmanager
    def reaching(self, who: str) -> Iterator[None]:
        """Turn an error of the process group, while `who` is to answer, into a sentence."""
        try:
            yield
        except RuntimeError as error:
            raise LostRank(
                f"rank {self.rank} of {self.size} cannot reach {who}, which has ended or did not "
                f"answer for {self.policy.answer:g} s: the run ends; what is saved in its folder "
                "can be loaded, and `kanpde resume` continues with any number of ranks"
            ) from error


def tree_sum(tensors: list[Tensor]) -> Tensor:
    """The sum in the order of a binary tree."""
    if len(tensors) == 1:
        return tensors[0]
    middle = len(tensors) // 2
    return tree_sum(tensors[:middle]) + tree_sum(tensors[middle:])
