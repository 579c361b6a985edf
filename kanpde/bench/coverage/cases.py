"""Small problems with unknown numbers and exact solutions; their noisy readings are simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.box import Box
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import observe
from kanpde.problem.problem import Problem
from kanpde.symbols.functions import cos, d, exp, pi, sin
from kanpde.symbols.unknown import unknown

# The problem for some readings (N,) and, where it is stated, their sigma.
Build = Callable[[Array, float | None], Problem]
# The exact readings (N,) for values of the unknown numbers, in the order of `truth`.
Model = Callable[[Array], Array]


@dataclass(frozen=True)
class Case:
    """A problem, its exact readings (N,), their noise, and the true numbers.

    `stated` says whether the noise is known or has to be estimated; `model` is the exact solution.
    """

    name: str
    build: Build
    model: Model
    sigma: float
    stated: bool
    truth: Mapping[str, float]
    widths: tuple[int, ...]
    steps: int

    @property
    def exact(self) -> Array:
        """The readings without noise, (N,)."""
        return self.model(np.array(list(self.truth.values())))


def conductivity() -> Case:
    """A rod that cools; ten readings, and sigma is estimated."""
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    places, times = np.meshgrid([0.3, 0.6], np.linspace(0.2, 1, 5))

    def build(values: Array, sigma: float | None) -> Problem:
        k = unknown("k", start=0.5, positive=True)
        return Problem(
            box,
            "u",
            [
                Condition("heat", box, lambda u: d(u, t) - k * d(u, x, x)),
                Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
                Condition("ends", box.faces(x), lambda u: u),
                observe("readings", box.points(x=places, t=times), u=values, sigma=sigma),
            ],
        )

    def model(numbers: Array) -> Array:
        (k,) = numbers
        return np.asarray((np.exp(-k * np.pi**2 * times) * np.sin(np.pi * places)).ravel())

    return Case("heat: k, sigma estimated", build, model, 0.02, False, {"k": 0.2}, (5, 5), 40)


def oscillator() -> Case:
    """u'' + c u' + k u = 0 with two unknown numbers; twenty readings of known noise."""
    box = Box(t=(0, 4))
    (t,) = box.axes
    times = np.linspace(0.2, 4, 20)
    c, k = 0.4, 4.04

    def build(values: Array, sigma: float | None) -> Problem:
        damping, stiffness = unknown("c", start=0.5), unknown("k", start=4.0, positive=True)
        return Problem(
            box,
            "u",
            [
                Condition("motion", box, lambda u: d(u, t, t) + damping * d(u, t) + stiffness * u),
                Condition("start", box.face(t=0), lambda u: (u - 1, d(u, t) + c / 2)),
                observe("readings", box.points(t=times), u=values, sigma=sigma),
            ],
        )

    def model(numbers: Array) -> Array:
        damping, stiffness = numbers
        half, speed = damping / 2, np.sqrt(stiffness - damping**2 / 4)
        swing = np.cos(speed * times) + (half - c / 2) / speed * np.sin(speed * times)
        return np.asarray(np.exp(-half * times) * swing)

    return Case(
        "oscillator: c and k, sigma stated", build, model, 0.05, True, {"c": c, "k": k}, (6,), 60
    )


def start() -> Case:
    """A rod whose start is known up to its height; 24 readings, and sigma is estimated."""
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    places, times = np.meshgrid([0.2, 0.5, 0.7], np.linspace(0.1, 1, 8))
    rate, height, source = 0.15, 1.3, 0.8

    def build(values: Array, sigma: float | None) -> Problem:
        a, f = unknown("a"), unknown("f")
        return Problem(
            box,
            "u",
            [
                Condition(
                    "heat", box, lambda u: d(u, t) - rate * d(u, x, x) - f * cos(pi * x) * exp(-t)
                ),
                Condition("start", box.face(t=0), lambda u: u - a),
                Condition("closed ends", box.faces(x), lambda u: d(u, x)),
                observe("readings", box.points(x=places, t=times), u=values, sigma=sigma),
            ],
        )

    decay = rate * np.pi**2
    part = (np.exp(-times) - np.exp(-decay * times)) / (decay - 1)

    def model(numbers: Array) -> Array:
        a, f = numbers
        return np.asarray((a + f * np.cos(np.pi * places) * part).ravel())

    return Case(
        "heat: start a and source f, sigma estimated", build, model, 0.03, False,
        {"a": height, "f": source}, (6, 6), 40,
    )  # fmt: skip


CASES = (conductivity, oscillator, start)
