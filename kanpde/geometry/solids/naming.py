"""Names of the pieces of a boundary, and what is told of them."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.solids.part import Part

if TYPE_CHECKING:
    from kanpde.geometry.solids.facet import Facet
    from kanpde.geometry.solids.solid import Solid


def name_facets(facets: Sequence[Facet]) -> tuple[str, ...]:
    """A name for each facet: that of its piece where it is the only one, else of its primitive."""
    labels = _label_primitives(facets)
    pieces = Counter(f.piece.name for f in facets)
    names = []
    for facet in facets:
        label, piece = labels[facet.identity[0]], facet.piece.name
        single = sum(f.identity[0] == facet.identity[0] for f in facets) == 1
        if single and not piece[:1].isdigit() and "=" not in piece:
            names.append(label)
        elif pieces[piece] == 1:
            names.append(piece)
        else:
            names.append(f"{label}, {piece}")
    return tuple(names)


def name_solid(solid: Solid) -> str:
    """A few words for a solid: "rectangle - disk"."""
    return str(solid).replace("the ", "").removeprefix("(").removesuffix(")")


def _label_primitives(facets: Sequence[Facet]) -> dict[str, str]:
    """Numbers behind the labels that several primitives have."""
    found: dict[str, str] = {}
    count: Counter[str] = Counter()
    labels = {f.identity[0]: f.primitive for f in facets}
    many = Counter(labels.values())
    for identity, label in labels.items():
        count[label] += 1
        found[identity] = f"{label} {count[label]}" if many[label] > 1 else label
    return found


def find_facets(solid: Solid, which: Sequence[str | Solid | Region]) -> tuple[int, ...]:
    """The numbers of the facets that are named; raises KanpdeError for what is not there."""
    if not which:
        return tuple(range(len(solid.facets)))
    found: set[int] = set()
    for one in which:
        found |= _find(solid, one)
    return tuple(sorted(found))


def _find(solid: Solid, one: str | Solid | Region) -> set[int]:
    facets = solid.facets
    if isinstance(one, str):
        return _find_name(solid, one)
    if isinstance(one, Domain) and (given := getattr(one, "solid", None)) is not None:
        # What was named before the whole was moved is still its piece.
        own = {k for k, f in enumerate(facets) if given.text in f.owners} or {
            k for k, f in enumerate(facets) if given.text in f.origins
        }
        if not own:
            raise KanpdeError(
                f"boundary({one}): nothing of it is on the boundary of {solid}; it is not one of "
                "the solids that the shape was made of, or lies outside of it"
            )
        return own
    if isinstance(one, Part) and one.facets is not None:
        wanted = {f.identity for f in one.pieces}
        own = {k for k, f in enumerate(facets) if f.identity in wanted} or {
            k
            for k, f in enumerate(facets)
            if any(text in f.origins and number == f.identity[1] for text, number in wanted)
        }
        if not own:
            raise KanpdeError(f"boundary({one.label}): nothing of it is on the boundary of {solid}")
        return own
    raise KanpdeError(
        f"boundary({one!r}): name a piece ({', '.join(solid.facet_names)}), a solid or its face"
    )


def _find_name(solid: Solid, name: str) -> set[int]:
    names = solid.facet_names
    labels = _label_primitives(solid.facets)
    found = {k for k, own in enumerate(names) if own == name}
    found |= {k for k, f in enumerate(solid.facets) if name in (labels[f.identity[0]], f.primitive)}
    if not found:
        known = list(dict.fromkeys([*names, *labels.values()]))
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KanpdeError(f"the shape has no boundary {name!r}; it has {', '.join(known)}{hint}")
    return found


def describe_uncovered(solid: Solid, regions: Sequence[Region]) -> list[str]:
    """The facets on which none of these regions lies, with their length or area."""
    covered: set[int] = set()
    for region in regions:
        if isinstance(region, Part):
            covered |= set(region.facets or ())
    what = "length" if len(solid.coordinates) == 2 else "area"
    return [
        f"{name} ({what} {facet.measure:.4g})"
        for k, (name, facet) in enumerate(zip(solid.facet_names, solid.facets, strict=True))
        if k not in covered
    ]


def describe_contacts(solid: Solid) -> tuple[str, ...]:
    """Subtracted primitives that leave the shape, touch the rest of it, or lie outside of it."""
    notes = []
    labels = _label_primitives(solid.facets)
    for primitive, inverted in solid.primitives():
        if not inverted:
            continue
        own = [f for f in solid.facets if f.identity[0] == primitive.text]
        label = labels.get(primitive.text, primitive.label)
        if not own:
            notes.append(f"{label} is subtracted, but cuts nothing off: it lies outside")
        elif not all(f.is_whole or f.touches for f in own):
            notes.append(f"{label} is subtracted, and reaches over the edge of the shape")
        elif any(f.touches for f in own):
            notes.append(
                f"{label} is subtracted, and touches the rest of the boundary in a point, where "
                "the shape has no width: leave a gap, or let it reach over"
            )
    return tuple(notes)
