"""Data sets by classical solvers: random inputs, and the outputs that a solver finds for them.

Each sample has a random generator of its own, made from (seed, split, number): the same sample
comes out whatever the number of samples or the resolution.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.operator.data import Pairs

Report = Callable[[int], None]


@dataclass(frozen=True)
class Limits:
    """What a generator refuses: parameters whose samples would take days or fill the memory.

    `numbers` are those of one split, 32 GB of single precision. `points` are those along each
    axis of the solver's grid in one and in two dimensions: `--width 1e-9` asked for 30 GB. `steps`
    are those in time of one sample: `--end 1e12` asked for 1e15.
    """

    numbers: int = 2**33
    steps: int = 10**7
    points: tuple[int, int] = (2**16, 2**11)


LIMITS = Limits()
_SMALLEST = 1e-99  # whose inverse is a number


class Generator(Protocol):
    """A problem with random inputs: a frozen dataclass of its parameters."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    title: str

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        """The splits of a data set and their numbers of samples."""

    def check(self, split: str, samples: int, resolution: int) -> None:
        """Raise KanpdeError for samples that are too large to be made."""

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        """The samples of one split; `report` is called with how many more are done."""


class SplitGenerator(ABC):
    """A generator whose data sets are a group train and, if there are any, a group test."""

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        """The splits of a data set and their numbers of samples."""
        return {"train": samples, **({"test": tests} if tests else {})}

    @abstractmethod
    def check(self, split: str, samples: int, resolution: int) -> None:
        """Raise KanpdeError for samples that are too large to be made."""


def sample_generator(seed: int, split: str, number: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.default_rng([seed, *split.encode(), number])


def check_numbers(shape: tuple[int, ...]) -> None:
    """Raise KanpdeError for fields of this shape (samples, ..) that are too large."""
    count = math.prod(shape)
    if count > LIMITS.numbers:
        raise KanpdeError(
            f"fields of {' x '.join(map(str, shape))} numbers do not fit into the memory: at most "
            f"{LIMITS.numbers:.0e} are made; take fewer samples or a lower resolution"
        )


def check_points(points: int, dimension: int, why: str) -> None:
    """Raise KanpdeError for a solver's grid that is too fine; `why` says what asks for it."""
    most = LIMITS.points[dimension - 1]
    if points > most:
        raise KanpdeError(
            f"{why} asks for a grid of {points:.3g} points along each axis, and at most {most} "
            "are solved"
        )


def check_steps(steps: float, why: str) -> None:
    """Raise KanpdeError for more steps in time than are taken; `why` says what asks for them."""
    if not steps <= LIMITS.steps:
        raise KanpdeError(
            f"{why} asks for {steps:.3g} steps in time, and at most {LIMITS.steps:.0e} are taken; "
            "take an earlier --end or a lower resolution"
        )


def check_times(times: int, end: float, **positive: float) -> None:
    """Raise KanpdeError for fewer than two times, and for what is not positive and finite."""
    if times < 2:
        raise KanpdeError(f"{times} times are too few: the first and the last are needed")
    for name, value in {"end": end, **positive}.items():
        if not _SMALLEST < value < math.inf:
            raise KanpdeError(f"{name} must be a positive number, not {value:g}")
