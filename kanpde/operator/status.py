"""How the training of an operator stands."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class TrainingStatus(StrEnum):
    """The state of the training of one network, or of all; the words stand in files."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED_EARLY = "stopped early"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"

    @property
    def advice(self) -> str:
        """A sentence on what to do; empty where there is nothing."""
        return _ADVICE.get(self, "")

    @staticmethod
    def combine(states: Sequence[TrainingStatus]) -> TrainingStatus:
        """The status of several networks, trained one after the other."""
        if TrainingStatus.DIVERGED in states:
            return TrainingStatus.DIVERGED
        unfinished = TrainingStatus.RUNNING in states
        return TrainingStatus.INTERRUPTED if unfinished else states[-1]


_ADVICE = {
    TrainingStatus.INTERRUPTED: "interrupted: `kanpde operator resume` continues",
    TrainingStatus.DIVERGED: (
        "the loss ceased to be finite; the best weights are kept. Try a lower rate"
    ),
}
