"""Domains and their regions; a new kind of domain is a file here and its line in READERS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry.box import box_from_data
from kanpde.geometry.domain import Domain
from kanpde.geometry.meshes.mesh import mesh_from_data
from kanpde.geometry.meshes.surface import surface_from_data
from kanpde.geometry.solids.family import family_from_data
from kanpde.geometry.solids.reading import shape_from_data

# By the key under which `Domain.to_data` describes the domain.
READERS: dict[str, Callable[[Mapping[str, Any]], Domain]] = {
    "box": box_from_data,
    "shape": shape_from_data,
    "family": family_from_data,
    "mesh": mesh_from_data,
    "surface": surface_from_data,
}


def domain_from_data(data: Mapping[str, Any]) -> Domain:
    """The domain of `Domain.to_data`; raises KanpdeError for one of an unknown kind."""
    for key, read in READERS.items():
        if key in data:
            return read(data)
    raise KanpdeError(f"the domain is of no known kind ({', '.join(READERS)})")
