"""Blocks of work in parallel: one thread for each, instead of threads inside of each operation.

Training alternates small torch operations with BLAS calls of SciPy, and each has its own pool of
threads, which disturb each other: on 2 cores a Levenberg-Marquardt step of Burgers took 350 ms with
both pools, and 176 ms on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch

from kanpde.assembly.threads import Threads

A = TypeVar("A")
B = TypeVar("B")


def _go_on() -> None:
    """A watch that never ends the work."""


@dataclass(frozen=True)
class Workers:
    """Maps a function over blocks, in order, `count` at a time; by default one after the other.

    `watch` is called before each block; it may raise an exception that ends the work.
    """

    count: int = 1
    pool: Threads | None = None
    watch: Callable[[], None] = _go_on

    def map(self, function: Callable[[A], B], blocks: Iterable[A]) -> list[B]:
        """[function(b) for b in blocks]."""

        def watched(block: A) -> B:
            self.watch()
            return function(block)

        return list(map(watched, blocks)) if self.pool is None else self.pool.map(watched, blocks)

    def slices(self, count: int, largest: int) -> list[slice]:
        """range(count) in even slices of at most `largest`, as many for each worker."""
        pieces = self.count * max(1, -(-count // (self.count * largest)))
        cuts = [count * k // pieces for k in range(pieces + 1)]
        return [slice(a, b) for a, b in pairwise(cuts) if b > a]


SERIAL = Workers()


@contextmanager
def workers() -> Iterator[Workers]:
    """As many workers as torch has threads; inside, each operation of torch uses one thread.

    torch's own number is set back at the end.
    """
    count = torch.get_num_threads()
    if count == 1:
        yield SERIAL
        return
    # A thread uses the number that is set when it first calls torch.
    torch.set_num_threads(1)
    try:
        pool = Threads(count)
        try:
            yield Workers(count, pool)
        finally:
            pool.close()
    finally:
        torch.set_num_threads(count)
