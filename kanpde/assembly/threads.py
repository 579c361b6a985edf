"""Threads that an interrupt of the main thread cannot block.

`with condition:` of Python's threading is left half entered where a signal's handler raises in it,
and its lock is then held for ever: a solve on two threads that got SIGTERM while it waited for a
block hung when its executor was closed (`concurrent.futures` waits by conditions; of interrupts at
random moments the 15th to 57th hung). Here threads share nothing but `queue.SimpleQueue`, whose
operations are those of the interpreter.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass
class _Call:
    """One `map`: what is called, and where results go, each with its place or its exception."""

    function: Callable[[Any], Any]
    given_up: bool = False
    results: SimpleQueue[tuple[int, Any, BaseException | None]] = field(default_factory=SimpleQueue)

    def do(self, place: int, block: Any) -> None:
        """Call the function on one block, unless the caller has left."""
        if self.given_up:
            return
        try:
            found = self.function(block)
        except BaseException as error:
            self.results.put((place, None, error))
        else:
            self.results.put((place, found, None))


class Threads:
    """`count` threads for blocks of work, until `close`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._calls: SimpleQueue[tuple[_Call, int, Any] | None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._begun = 0
        for _ in range(count):
            # Thread.start waits by a condition for the thread to begin.
            _thread.start_new_thread(self._work, ())
            self._begun += 1

    def map(self, function: Callable[[A], B], blocks: Iterable[A]) -> list[B]:
        """[function(b) for b in blocks]; the first exception is raised, others are dropped."""
        call, count = _Call(function), 0
        try:
            for count, block in enumerate(blocks, 1):
                self._calls.put((call, count - 1, block))
            found: dict[int, B] = {}
            for _ in range(count):
                place, value, error = call.results.get()
                if error is not None:
                    raise error
                found[place] = value
            return [found[place] for place in range(count)]
        finally:
            call.given_up = True

    def close(self) -> None:
        """Let the threads end, and wait for the work that they are at."""
        for _ in range(self._begun):
            self._calls.put(None)
        for _ in range(self._begun):
            self._ended.get()

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            call, place, block = task
            call.do(place, block)
        self._ended.put(None)
