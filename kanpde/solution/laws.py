"""Laws that a solve found: curves with error bars, where readings say them, and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.network.jet import JetSet
from kanpde.network.lawful import LawLayers
from kanpde.network.pushforward import linearize
from kanpde.solution.unknowns import UnknownNumber
from kanpde.symbols.law import Range

# Standard deviations of an interval of 95 %.
_WIDE = 1.96
# A law is known where half of that interval is below this part of its size, at so many values.
_KNOWN, _STEPS = 0.2, 201


@dataclass(frozen=True)
class LawFormula:
    """A law as a formula of its argument, `text`, with the numbers in it and their intervals.

    `snapped` has short numbers instead where all of these lie within the intervals, else it is
    empty. `misfit` is the sum of squares that it leaves of the readings, in sigmas, over that of
    the curve.
    """

    text: str
    numbers: Mapping[str, UnknownNumber]
    snapped: str = ""
    misfit: float = 1.0

    def describe(self) -> str:
        """As a person reads it: "1.00 u^2 + 0.99: ..."."""
        each = ", ".join(number.describe(n) for n, number in self.numbers.items())
        near = f"; {self.snapped} lies within the intervals" if self.snapped else ""
        return f"{self.text} with {each}{near}" if each else self.text

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        numbers = {n: number.to_data() for n, number in self.numbers.items()}
        return {
            "text": self.text, "numbers": numbers, "snapped": self.snapped, "misfit": self.misfit
        }  # fmt: skip

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> LawFormula:
        """The formula of `to_data`."""
        numbers = {str(n): UnknownNumber.from_data(v) for n, v in data["numbers"].items()}
        return LawFormula(str(data["text"]), numbers, str(data["snapped"]), float(data["misfit"]))


@dataclass(frozen=True)
class FoundLaw:
    """A law as a function of its arguments; NaN outside of `ranges`, where nothing is claimed.

    `ranges` are the ends between which the solution takes each argument and the readings say the
    law; they are empty where that is nowhere.
    """

    name: str
    arguments: tuple[str, ...]
    layers: LawLayers
    ranges: tuple[Range, ...]
    spread: Tensor | None = None
    formula: LawFormula | None = None

    def __call__(self, *values: Any) -> Array:
        """Its values at those of its arguments, arrays that broadcast."""
        columns, shape = self._read(values)
        with torch.no_grad():
            found = self.layers([torch.from_numpy(c) for c in columns]).numpy()
        return np.where(self._holds(columns), found, np.nan).reshape(shape)

    def deviations(self, *values: Any) -> Array:
        """The standard deviation of the values, by the noise of the readings; NaN where unknown."""
        columns, shape = self._read(values)
        found = deviate(self.layers, columns, self.spread)
        return np.where(self._holds(columns), found, np.nan).reshape(shape)

    def describe(self) -> str:
        """A line for a person: the formula, and where it holds."""
        call = f"{self.name}({', '.join(self.arguments)})"
        if not self.ranges:
            return f"{call} is not determined by the readings"
        where = ", ".join(
            f"{a} from {low:.3g} to {high:.3g}"
            for a, (low, high) in zip(self.arguments, self.ranges, strict=True)
        )
        if self.formula is None:
            return f"{call} is known for {where}, as a curve"
        return f"{call} = {self.formula.describe()}; for {where}"

    def _read(self, values: tuple[Any, ...]) -> tuple[list[Array], tuple[int, ...]]:
        if len(values) != len(self.arguments):
            raise KanpdeError(f"{self.name} is a law of {', '.join(self.arguments)}; give each")
        arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in values))
        return [np.ascontiguousarray(a.ravel()) for a in arrays], arrays[0].shape

    def _holds(self, columns: list[Array]) -> Any:
        if not self.ranges:
            return np.zeros(len(columns[0]), bool)
        pairs = zip(columns, self.ranges, strict=True)
        return np.logical_and.reduce([(c >= low) & (c <= high) for c, (low, high) in pairs])


def deviate(layers: LawLayers, columns: list[Array], spread: Tensor | None) -> Array:
    """The standard deviation (N,) of a law at arguments, from changes (P, c) of its parameters."""
    count = len(columns[0])
    if spread is None:
        return np.full(count, np.nan)
    value = JetSet.closing([], 1)
    inputs = layers.scale([torch.from_numpy(c) for c in columns])[None]
    found = linearize(inputs, layers.stack, value)
    jacobian = inputs.new_empty(len(spread), count)
    found.jacobian(torch.ones_like(found.value), jacobian)
    return np.asarray((spread.to(jacobian).T @ jacobian).square().sum(0).sqrt().numpy())


def find_ranges(layers: LawLayers, taken: list[Array], spread: Tensor | None) -> tuple[Range, ...]:
    """Where the readings say a law, of the values (N,) that the solution takes of its arguments.

    Of one argument, the widest interval in which half of the 95 % interval is below `_KNOWN` of
    the size of the law. Of several, all that is taken.
    """
    ends = [(float(np.nanmin(v)), float(np.nanmax(v))) for v in taken]
    if spread is None or len(ends) > 1:
        return tuple(ends)
    at = np.linspace(*ends[0], _STEPS)
    with torch.no_grad():
        values = layers([torch.from_numpy(at)]).numpy()
    size = float(np.sqrt(np.mean(np.square(values))))
    known = _WIDE * deviate(layers, [at], spread) <= _KNOWN * size
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
    if not len(edges):
        return ()
    start, stop = max(zip(edges[::2], edges[1::2], strict=True), key=lambda pair: pair[1] - pair[0])
    return ((float(at[start]), float(at[stop - 1])),) if stop - start > 1 else ()
