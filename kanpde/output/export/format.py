"""A file format: its name on the command line, what reads it, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kanpde.solution.grid_data import GridData

# Numbers of the run, by name, which a format with room for them keeps beside the fields.
Facts = Mapping[str, float]


@dataclass(frozen=True)
class Format:
    """`write(folder, grid, facts)` fills a folder and returns the file to open.

    `description` says which programs read it.
    """

    name: str
    description: str
    write: Callable[[Path, GridData, Facts], Path]
