"""How a training stands, with advice."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The state of the training of one network, or of all; the values stand in files.

    `advice` is a sentence for the summary, empty where there is nothing to do.
    """

    advice: str

    def __new__(cls, value: str, advice: str = "") -> Status:
        member = str.__new__(cls, value)
        member._value_ = value
        member.advice = advice
        return member

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED_EARLY = "stopped early"
    INTERRUPTED = "interrupted", "interrupted: `kanpde operator resume` goes on"
    DIVERGED = (
        "diverged",
        "the loss ceased to be finite; the best weights are kept. Try a lower rate",
    )

    @staticmethod
    def combine(states: list[Status]) -> Status:
        """The status of several networks, trained one after the other."""
        if Status.DIVERGED in states:
            return Status.DIVERGED
        return Status.INTERRUPTED if Status.RUNNING in states else states[-1]
