"""The time and the steps of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


class OutOfTime(Exception):
    """The time of a run is over inside of a step, which is given up."""


@dataclass(frozen=True)
class ReservePolicy:
    """How much of a budget is kept for what follows the last step."""

    # A look at held-out points and the diagnosis take about two steps, and half a second of
    # compiling; each of two estimates in a richer space takes four to seven. With two steps for all
    # of them Burgers's equation went 3.7 s beyond a budget of 25 s, and was not diagnosed.
    steps: float = 10.0
    seconds: float = 0.5
    # Of them those of the diagnosis, for which a second estimate is left out.
    diagnosis: float = 2.0
    # At most these shares of the budget for them, and for what the caller does afterwards.
    closing: float = 0.2
    after: float = 0.5


RESERVE_POLICY = ReservePolicy()
# The last steps of problems with unknown numbers, two in most of them, take two steps of training
# each, and their estimate in a richer space takes four.
RESERVE_FOR_NUMBERS = ReservePolicy(steps=18.0, seconds=1.0)


@dataclass
class Clock:
    """The time and the steps of a run; `earlier` are those of the run that it continues.

    `after` are seconds of the budget that the caller needs when training is over.
    """

    budget: float
    earlier: float = 0.0
    step: int = 0
    after: float = 0.0
    policy: ReservePolicy = RESERVE_POLICY
    started: float = field(default_factory=lambda: time.perf_counter())
    # Seconds of the last step, and when it ended.
    pace: float = 0.0
    _ticked: float | None = None
    # What `watch` compares with: the seconds that remain for the work at hand.
    _watched: Callable[[], float] | None = None

    @property
    def spent(self) -> float:
        """Seconds of this run."""
        return time.perf_counter() - self.started

    @property
    def _after(self) -> float:
        return min(self.after, self.policy.after * self.budget)

    @property
    def _for_steps(self) -> float:
        policy = self.policy
        wanted = policy.steps * self.pace + policy.seconds
        return self.budget - self._after - min(wanted, policy.closing * self.budget)

    @property
    def left(self) -> float:
        """Seconds that remain for steps."""
        return self._for_steps - self.spent

    @property
    def passed(self) -> float:
        """The share of the time for steps that is over."""
        return self.spent / self._for_steps

    @property
    def left_to_close(self) -> float:
        """Seconds that remain for steps and for a last look at what they led to."""
        return self.budget - self._after - self.spent

    def has_time_to_close_after(self, seconds: float) -> bool:
        """Whether a diagnosis still fits when another estimate has taken so many seconds."""
        diagnosis = self.policy.diagnosis * self.pace + self.policy.seconds
        return self.left_to_close > seconds + diagnosis

    def begin(self) -> None:
        """Time steps from now on."""
        self._ticked = time.perf_counter()

    def tick(self) -> None:
        """Count a step."""
        now = time.perf_counter()
        if self._ticked is not None:
            self.pace = now - self._ticked
        self._ticked = now
        self.step += 1

    def watch(self) -> None:
        """Raise OutOfTime where work that can be given up goes beyond its time."""
        if self._watched is not None and self._watched() <= 0:
            raise OutOfTime

    def limit_step(self) -> AbstractContextManager[None]:
        """Inside, `watch` gives up a step that takes too long."""
        return self._watching(lambda: self.left)

    def limit_closing(self) -> AbstractContextManager[None]:
        """Inside, `watch` gives up a last look or a diagnosis that takes too long."""
        return self._watching(lambda: self.left_to_close)

    @contextmanager
    def _watching(self, left: Callable[[], float]) -> Iterator[None]:
        before, self._watched = self._watched, left
        try:
            yield
        finally:
            self._watched = before
