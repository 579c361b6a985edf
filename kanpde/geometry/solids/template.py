"""Solids whose numbers depend linearly on parameters, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.geometry.solids.reading import solid_from_tree
from kanpde.geometry.solids.solid import Solid
from kanpde.symbols.expression import Axis

# By how much a number may miss the linear function of the parameters, relative to its size.
_ROUNDING = 1e-9
_ADVICE = (
    "the numbers of its solids must depend linearly on the parameters, and its solids and names "
    "not at all"
)


@dataclass(frozen=True)
class Template:
    """The data of a solid at the lower ends of parameters, and how its numbers grow with each.

    `tree` and each of `slopes` are of the form of `Solid.to_tree`.
    """

    tree: Any
    slopes: Mapping[str, Any]
    lower: Mapping[str, float]

    def solid_at(self, values: Mapping[str, float]) -> Solid:
        """The solid at values of all parameters."""
        return solid_from_tree(self._tree_at(values))

    def fix(self, values: Mapping[str, float]) -> Template:
        """The template of the other parameters."""
        held = {n: self.lower[n] for n in self.slopes if n not in values}
        return Template(
            self._tree_at({**held, **{n: v for n, v in values.items() if n in self.slopes}}),
            {n: self.slopes[n] for n in held},
            held,
        )

    def _tree_at(self, values: Mapping[str, float]) -> Any:
        out = self.tree
        for name, slope in self.slopes.items():
            out = _combine(out, slope, values[name] - self.lower[name])
        return out

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {"tree": self.tree, "slopes": dict(self.slopes), "lower": dict(self.lower)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Template:
        """What `to_data` gave."""
        lower = {str(n): float(v) for n, v in data["lower"].items()}
        return Template(data["tree"], {n: data["slopes"][n] for n in lower}, lower)


def make_template(build: Callable[..., Solid], axes: tuple[Axis, ...]) -> Template:
    """The template of a function of the parameters.

    Raises KanpdeError where it does not give solids, or their numbers are not linear functions.
    """
    lower = {axis.name: axis.lower for axis in axes}
    base = _build(build, lower)
    slopes = {}
    for axis in axes:
        upper = _build(build, {**lower, axis.name: axis.upper})
        slopes[axis.name] = _slope(base, upper, axis.upper - axis.lower)
    template = Template(base, slopes, lower)
    for values in np.random.default_rng(0).random((4, len(axes))):
        at = {a.name: float(a.place(np.array([v]))[0]) for a, v in zip(axes, values, strict=True)}
        _compare(_build(build, at), template._tree_at(at))
    return template


def _build(build: Callable[..., Solid], values: Mapping[str, float]) -> Any:
    solid = build(**values)
    if not isinstance(solid, Solid):
        raise KanpdeError(f"family: the function gives {solid!r}, which is not a solid")
    return solid.to_tree()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _slope(low: Any, high: Any, length: float) -> Any:
    if _is_number(low) and _is_number(high):
        return (high - low) / length
    if isinstance(low, Mapping) and isinstance(high, Mapping) and low.keys() == high.keys():
        return {key: _slope(low[key], high[key], length) for key in low}
    sequences = isinstance(low, (list, tuple)) and isinstance(high, (list, tuple))
    if sequences and len(low) == len(high):
        return [_slope(a, b, length) for a, b in zip(low, high, strict=True)]
    if low != high:
        raise KanpdeError(f"family: {low!r} becomes {high!r}; {_ADVICE}")
    return low


def _combine(base: Any, slope: Any, step: float) -> Any:
    if isinstance(base, Mapping):
        return {key: _combine(base[key], slope[key], step) for key in base}
    if isinstance(base, (list, tuple)):
        return [_combine(a, b, step) for a, b in zip(base, slope, strict=True)]
    return base + step * slope if _is_number(base) and slope else base


def _compare(found: Any, expected: Any) -> None:
    """Raise KanpdeError where a tree is not what the template says."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        if found.keys() != expected.keys():
            raise KanpdeError(f"family: {_ADVICE}")
        for key in found:
            _compare(found[key], expected[key])
    elif isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        if len(found) != len(expected):
            raise KanpdeError(f"family: {_ADVICE}")
        for a, b in zip(found, expected, strict=True):
            _compare(a, b)
    elif _is_number(found) and _is_number(expected):
        if abs(found - expected) > _ROUNDING * max(1.0, abs(found)):
            raise KanpdeError(
                f"family: {found:g} where a linear function is {expected:g}; {_ADVICE}"
            )
    elif found != expected:
        raise KanpdeError(f"family: {found!r} becomes {expected!r}; {_ADVICE}")
