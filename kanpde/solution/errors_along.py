"""Errors against a parameter: of each field, at some of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError


@dataclass(frozen=True)
class ErrorsAlong:
    """Relative L2 errors of each field, (k,), at increasing values (k,) of a parameter.

    Raises KanpdeError for lengths that do not fit together.
    """

    values: tuple[float, ...]
    fields: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if not self.values or any(len(e) != len(self.values) for e in self.fields.values()):
            raise KanpdeError("errors along a parameter: one for each of its values is needed")

    @property
    def worst(self) -> tuple[float, str, float] | None:
        """The value, the field and the error that is largest; None where none is a number."""
        found = [
            (error, value, name)
            for name, errors in self.fields.items()
            for value, error in zip(self.values, errors, strict=True)
            if np.isfinite(error)
        ]
        if not found:
            return None
        error, value, name = max(found)
        return value, name, error

    def at(self, value: float) -> dict[str, float]:
        """The errors at the nearest of the values."""
        k = int(np.abs(np.array(self.values) - value).argmin())
        return {name: errors[k] for name, errors in self.fields.items()}

    def scaled(self, factors: Mapping[str, float]) -> ErrorsAlong:
        """With the errors of each field times its factor."""
        fields = {n: tuple(factors.get(n, 1.0) * e for e in v) for n, v in self.fields.items()}
        return ErrorsAlong(self.values, fields)

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {"values": list(self.values), "fields": {n: list(v) for n, v in self.fields.items()}}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> ErrorsAlong:
        """What `to_data` gave."""
        fields = {str(n): tuple(map(float, v)) for n, v in data["fields"].items()}
        return ErrorsAlong(tuple(map(float, data["values"])), fields)
