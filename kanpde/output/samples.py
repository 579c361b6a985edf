"""Fields on an even grid of a problem's box: what pictures, files and tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kanpde.arrays import Array


@dataclass(frozen=True)
class Samples:
    """A solution on a grid; every array has one dimension for each axis, in the axes' order.

    `exact` and `errors` hold the fields for which a reference exists; `residuals` the
    interior equations by label. The axis named t is time.
    """

    title: str
    axes: Mapping[str, Array]
    fields: Mapping[str, Array]
    exact: Mapping[str, Array] = field(default_factory=dict)
    errors: Mapping[str, Array] = field(default_factory=dict)
    residuals: Mapping[str, Array] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def space(self) -> tuple[str, ...]:
        """The names of the axes other than time."""
        return tuple(name for name in self.axes if name != "t")

    @property
    def has_time(self) -> bool:
        return "t" in self.axes
