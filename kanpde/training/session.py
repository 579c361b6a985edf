"""What the parts of a run share: clock, steps, notes, looks, saving and workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.assembly.workers import Workers
from kanpde.problem.problem import Problem
from kanpde.solution.measures import FieldError
from kanpde.solution.outcome import Outcome
from kanpde.solution.pieces import Piece
from kanpde.solution.solution import Solution
from kanpde.training.clock import Clock
from kanpde.training.plan import Plan
from kanpde.training.sharing import Leader


@dataclass(frozen=True)
class Progress:
    """One look at a run: what the live line shows and the trace keeps."""

    stage: str
    step: int
    seconds: float
    left: float
    loss: float
    losses: dict[str, float]
    errors: dict[str, FieldError]
    estimate: float | None
    parameters: int


class Stop(Enum):
    """What a report returns to end the training."""

    STOP = "stop"


STOP = Stop.STOP

Report = Callable[[Progress], Stop | None]
Save = Callable[[Solution], None]


def ignore(_: Progress | Solution) -> None:
    """A report or a save that does nothing."""


@dataclass
class Session:
    """One run, or with `aside` a part of it that shares the clock and has its own notes and looks.

    `part` is the text before the stage in the live line; a part saves nothing until `publish`.
    """

    plan: Plan
    seed: int
    device: torch.device | str
    workers: Workers
    clock: Clock
    report: Report = ignore
    save: Save = ignore
    part: str = ""
    saves: bool = True
    notes: list[str] = field(default_factory=list)
    looks: list[Progress] = field(default_factory=list)
    # Where several ranks evaluate the rows.
    leader: Leader | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training, those of resumed runs included."""
        return self.clock.earlier + self.clock.spent

    @property
    def left(self) -> float:
        """Seconds of this run's budget that remain for steps."""
        return self.clock.left

    @property
    def passed(self) -> float:
        """The share of the time for steps that is over."""
        return self.clock.passed

    @property
    def step(self) -> int:
        """Steps taken, those of resumed runs included."""
        return self.clock.step

    def aside(self, part: str) -> Session:
        """A session on the same clock that saves nothing, with separate notes and looks."""
        return replace(self, part=part, saves=False, notes=[], looks=[])

    def publish(self) -> None:
        """Become the run itself: from now on it saves, and its stages have plain names."""
        self.part, self.saves = "", True

    def join(self, other: Session) -> None:
        """Take over the notes and the looks of a part that has ended."""
        self.looks += other.looks
        self.notes += [note for note in other.notes if note not in self.notes]

    def note(self, text: str) -> None:
        """Add a note, which the summary will show."""
        self.notes.append(text)

    def record(self, look: Progress) -> None:
        """Keep a look and report it; KeyboardInterrupt where the report says STOP."""
        self.looks.append(look)
        if self.report(look) is STOP:
            raise KeyboardInterrupt

    def announce(self, work: str) -> None:
        """Report what is done now, beside the last look."""
        if self.looks:
            left = max(self.clock.left_to_close, 0.0)
            self.report(replace(self.looks[-1], stage=work, seconds=self.seconds, left=left))

    def keep(self, solution: Solution) -> None:
        """Save a solution, unless this is a part aside."""
        if self.saves:
            self.save(solution)

    def solution(
        self,
        problem: Problem,
        pieces: Sequence[Piece],
        outcome: Outcome,
        estimates: Mapping[str, float],
    ) -> Solution:
        """A solution of these pieces, with the history of this run."""
        return Solution(
            problem, tuple(pieces), outcome, self.seed, self.seconds, self.step,
            max(estimates.values(), default=None), columns_of(self.looks), tuple(self.notes),
            dict(estimates),
        )  # fmt: skip


def columns_of(looks: Sequence[Progress]) -> dict[str, Array]:
    """Looks as columns, by name; NaN where a look has no such value."""
    columns: dict[str, Array] = {
        "step": np.array([r.step for r in looks]),
        "seconds": np.array([r.seconds for r in looks]),
        "stage": np.array([r.stage for r in looks], dtype=object),
        "parameters": np.array([r.parameters for r in looks]),
        "loss": np.array([r.loss for r in looks]),
    }
    # Windows of time have one condition more, and easier forms of a problem have others.
    for name in dict.fromkeys(n for r in looks for n in r.losses):
        columns[f"loss:{name}"] = np.array([r.losses.get(name, np.nan) for r in looks])
    for name in dict.fromkeys(n for r in looks for n in r.errors):
        found = [r.errors[name].rel_l2 if name in r.errors else np.nan for r in looks]
        columns[f"error:{name}"] = np.array(found)
    columns["estimate"] = np.array([np.nan if r.estimate is None else r.estimate for r in looks])
    return columns
