"""Domains and their regions; a new kind of domain is a file here and its line in READERS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry.box import box_from_data
from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.inner import InnerPart
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


def region_from_data(data: Mapping[str, Any], domain: Domain) -> Region:
    """The region of `Region.to_data`, of this domain; raises KanpdeError for one of another."""
    if "inner" in data:
        inner = domain_from_data(data["inner"])
        if inner.names != domain.names:
            raise KanpdeError(f"a region has the axes {', '.join(inner.names)}")
        return InnerPart(domain, inner, str(data["called"]))
    if "between" in data:
        first, second = (region_from_data(part, domain) for part in data["between"])
        found = first.interface_to(second)
        if found is None:
            raise KanpdeError(f"{first.label} and {second.label} do not touch each other")
        return found
    return domain.region_from_data(data)
