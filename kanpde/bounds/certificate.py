"""What is proven of a solution: bounds of its error, and why there are not more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from kanpde.bounds.supremum import Supremum
from kanpde.files import finite_or_none


class Norm(StrEnum):
    """What a bound is a bound of."""

    MAXIMUM = "largest error"
    ENERGY = "error in the energy norm"


@dataclass(frozen=True)
class Bound:
    """lower <= norm of the error <= upper, by a theorem with its constants.

    `error` is the norm of the error against a reference, where there is one.
    """

    theorem: str
    norm: Norm
    upper: float
    lower: float = 0.0
    constants: Mapping[str, float] = field(default_factory=dict)
    error: float | None = None
    note: str = ""

    @property
    def effectivity(self) -> float | None:
        """The bound relative to the true error."""
        return self.upper / self.error if self.error else None

    def against(self, error: float | None) -> Bound:
        """The same with the true error."""
        return replace(self, error=error)

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "theorem": self.theorem,
            "norm": self.norm.value,
            "upper": finite_or_none(self.upper),
            "lower": finite_or_none(self.lower),
            "constants": {n: finite_or_none(v) for n, v in self.constants.items()},
            "true_error": finite_or_none(self.error),
            "effectivity": finite_or_none(self.effectivity),
            "note": self.note,
        }


@dataclass(frozen=True)
class Refusal:
    """A theorem that does not apply, and why."""

    theorem: str
    reason: str


@dataclass(frozen=True)
class Certificate:
    """The bounds of a solution's error, and the theorems that do not apply.

    `residuals` are bounds of the largest absolute value of the residual of each piece.
    """

    field: str
    bounds: tuple[Bound, ...]
    refusals: tuple[Refusal, ...]
    residuals: tuple[Supremum, ...]
    seconds: float

    @property
    def error_bound(self) -> float | None:
        """The smallest bound of the largest error; None where there is none."""
        found = [b.upper for b in self.bounds if b.norm is Norm.MAXIMUM]
        return min(found, default=None)

    def against(self, error: float | None) -> Certificate:
        """The same with the largest true error."""
        bounds = [b.against(error) if b.norm is Norm.MAXIMUM else b for b in self.bounds]
        return replace(self, bounds=tuple(bounds))

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "field": self.field,
            "max": finite_or_none(self.error_bound),
            "bounds": [b.to_data() for b in self.bounds],
            "refusals": [{"theorem": r.theorem, "reason": r.reason} for r in self.refusals],
            "residual": {
                "sampled": finite_or_none(max((r.lower for r in self.residuals), default=None)),
                "proven": finite_or_none(max((r.upper for r in self.residuals), default=None)),
            },
            "seconds": round(self.seconds, 3),
        }
