"""Tables of numbers as coefficients in equations; a kind of table is a file here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.problem.tables.cells import cells_from_data
from kanpde.problem.tables.grid import grid_from_data
from kanpde.problem.tables.series import series_from_data
from kanpde.symbols.tabulated import Tabulated

READERS: dict[str, Callable[[str, Mapping[str, Any]], Tabulated]] = {
    "grid": grid_from_data,
    "cells": cells_from_data,
    "series": series_from_data,
}


def table_from_data(name: str, data: Mapping[str, Any]) -> Tabulated:
    """The table that `Tabulated.to_data` wrote; raises KanpdeError for data of another form."""
    if data["kind"] not in READERS:
        raise KanpdeError(f"the table {name} is of the unknown kind {data['kind']}")
    return READERS[data["kind"]](name, data)
