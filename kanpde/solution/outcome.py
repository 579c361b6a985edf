"""How a solve ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The ways in which a solve ends; scripts rely on the values, people on the advice."""

    CONVERGED = "converged"
    STALLED = "stalled"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    RUNNING = "running"  # said by `kanpde info` alone, of a run that still trains

    @property
    def advice(self) -> str:
        """What to do, if nothing more is known of the run."""
        return _ADVICE[self]


_ADVICE = {
    Status.CONVERGED: "no stage of the plan lowers the loss any further",
    Status.STALLED: (
        "try more steps or points (Sampling(points=...)), wider layers, another seed, or look at "
        "residual.png for the place that resists"
    ),
    Status.BUDGET: "the budget is spent; a longer budget gives a smaller error",
    Status.INTERRUPTED: (
        "stopped by the user; `kanpde resume`, or start= in Python, continues from the best point"
    ),
    Status.DIVERGED: (
        "no finite loss was reached; check the residual for division by zero, logarithms or roots "
        "of fields, and try another seed"
    ),
    Status.RUNNING: "it still trains",
}


@dataclass(frozen=True)
class Outcome:
    """A status and a sentence with advice; by default the general one of the status."""

    status: Status
    advice: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))
        object.__setattr__(self, "advice", self.advice or self.status.advice)


# The outcome of a solution that is saved during training.
UNFINISHED = Outcome(Status.INTERRUPTED, "resume continues from here")
