"""How long a search may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadline:
    """A number of seconds from now by a clock, of which parts can be given away."""

    seconds: float
    clock: Callable[[], float] = time.perf_counter
    start: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.start < 0:
            object.__setattr__(self, "start", self.clock())

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.start + self.seconds - self.clock()

    @property
    def over(self) -> bool:
        return self.left <= 0

    def part(self, share: float) -> Deadline:
        """A deadline after a share of what is left."""
        return Deadline(share * max(self.left, 0.0), self.clock)


# Without a limit.
NEVER = Deadline(float("inf"))
