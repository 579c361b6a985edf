"""Kinds of conditions; a new one is a file here and its line in READERS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanpde.geometry.domain import Domain
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import average_from_data, condition_from_data
from kanpde.problem.conditions.energy import energy_from_data
from kanpde.problem.conditions.observation import observation_from_data
from kanpde.problem.conditions.periodic import periodic_from_data
from kanpde.problem.conditions.smooth import smooth_from_data
from kanpde.problem.fields import Fields

# By a key that only the data of this kind have.
READERS: dict[str, Callable[[Mapping[str, Any], Domain, Fields], Statement]] = {
    "periodic": periodic_from_data,
    "values": observation_from_data,
    "density": energy_from_data,
    "averages": average_from_data,
    "smooth": smooth_from_data,
    "expressions": condition_from_data,
}


def statement_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Statement:
    """The condition of `Statement.to_data`."""
    read = next(reader for key, reader in READERS.items() if key in data)
    return read(data, domain, fields)
