"""What a problem seems to lack, read off its equations."""

from __future__ import annotations

from collections.abc import Sequence

from kanpde.problem.contradictions import find_conflicting_readings
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem, trained_by_energy
from kanpde.symbols.expression import Axis

# Fewer readings than these do not stand for conditions along an edge.
_FEW_READINGS = 20


def find_uncovered(problem: Problem) -> list[str]:
    """The ends of axes at which a field lacks conditions, by the order of its derivatives.

    And points where readings differ: what a solution must say where its error is read.

    An equation of order m along an axis takes m conditions at the ends of the axis, and at
    each end one where m >= 2 (in time they may all stand at one end).
    """
    found: dict[str, None] = {}
    natural = trained_by_energy(problem)
    read = {n for n in problem.unknowns if n not in natural and _is_read(problem, n)}
    for axis in problem.domain.product_axes:
        if axis.name in problem.periodic:
            continue
        orders = {
            name: _highest_order(problem, name, axis)
            for name in problem.unknowns
            if name not in natural and name not in read
        }
        for name, order in orders.items():
            # A field of first order may get its boundary data through the other fields.
            if order > 1 or (order == 1 and axis.is_time):
                found |= dict.fromkeys(_describe_missing(problem, name, axis, order))
        if not read and not axis.is_time and max(orders.values(), default=0) == 1:
            ends = (axis.lower, axis.upper)
            if not any(
                _count_conditions(problem, name, axis, end) for name in orders for end in ends
            ):
                found[
                    f"no condition holds at either end of {axis.name}; the solution may not be "
                    "unique"
                ] = None
    found |= dict.fromkeys(_find_equations_without_derivatives(problem))
    found |= dict.fromkeys(_find_held_ends(problem))
    return [
        *found,
        *_find_free_pieces(problem, set(natural)),
        *_find_missing_gauges(problem),
        *find_conflicting_readings(problem.equations, problem.domain),
        *_find_too_few_readings(problem),
        *_find_too_few_equations(problem, set(natural)),
    ]


def _find_too_few_equations(problem: Problem, natural: set[str]) -> list[str]:
    """Fields of which there are more than equations in the interior.

    One equation for two fields had an estimate of 3e-3 after 6 s, and no time was left to look for
    what no equation determines.
    """
    space = problem.field_space
    whole = [n for n in problem.unknowns if space.support[n] == space.axes]
    read = any(e.observed is not None for e in problem.equations)
    if natural or read or problem.materials or problem.sought:
        return []
    count = sum(e.is_interior and e.kind is Kind.RESIDUAL for e in problem.equations)
    if count == 0 or count >= len(whole):
        return []
    many = "is 1 equation" if count == 1 else f"are {count} equations"
    return [
        f"there {many} in the interior for the {len(whole)} fields {', '.join(whole)}, so that "
        "they are not all determined; add an equation or readings (observe)"
    ]


def _find_too_few_readings(problem: Problem) -> list[str]:
    """Unknown numbers of which there are more than readings."""
    names = [number.name for number in problem.numbers]
    read = sum(len(e.observed) for e in problem.equations if e.observed is not None)
    if read >= len(names):
        return []
    many = (
        f"are {len(names)} unknowns ({', '.join(names)})"
        if len(names) > 1
        else (f"is the unknown {names[0]}")
    )
    count = f"{read} reading{'' if read == 1 else 's'}" if read else "no readings"
    return [
        f"there {many} and {count}: add observe(...), unless the equations and conditions alone "
        "determine them"
    ]


def _find_free_pieces(problem: Problem, natural: set[str]) -> list[str]:
    """Pieces of a shape's boundary without a condition, by field."""
    found = []
    for name in problem.unknowns:
        orders = [_highest_order(problem, name, axis) for axis in problem.domain.space]
        if name in natural or max(orders, default=0) < 2:
            continue
        own = [e.region for e in _pointwise(problem) if any(s.field == name for s in e.jets)]
        free = problem.domain.find_uncovered(own)
        where = f" on {name}" if len(problem.unknowns) > 1 else ""
        if free:
            found.append(
                f"no condition{where} holds on {', '.join(free)}; the solution may not be unique"
            )
    return found


def _find_missing_gauges(problem: Problem) -> list[str]:
    """The fields to which a constant, or a function of time or a parameter, can be added unseen.

    A pressure whose gauge is `box.point(x=0, y=0, t=0)` was 48 % off at an estimate of 8e-5.
    """
    found = []
    lasting_axes = [a for a in problem.domain.axes if a.is_time or a.is_parameter]
    known_up_to_mean = problem.reference.gauge if problem.reference else ()
    for name in problem.unknowns:
        own = [e for e in problem.equations if any(s.field == name for s in e.jets)]
        if not _fix_value(own, name):
            if name not in known_up_to_mean:
                found.append(
                    f"no condition holds a value of {name}, only its derivatives: it is determined "
                    "up to a constant; add a gauge, a condition at a point"
                )
            continue
        for axis in lasting_axes:
            if axis.name not in problem.field_space.support[name]:
                continue
            along = problem.domain.names.index(axis.name)
            lasting = [e for e in own if not _is_at_single_value(e, axis, along)]
            rates = any(s.index[along] for e in lasting for s in e.jets if s.field == name)
            if not rates and not _fix_value(lasting, name):
                found.append(_describe_gauge(name, axis))
    return found


def _describe_gauge(field: str, axis: Axis) -> str:
    single, every = ("times", "times") if axis.is_time else ("values of " + axis.name, "of them")
    return (
        f"the value of {field} is held at single {single} only, and no equation holds its "
        f"derivative in {axis.name}: it is determined up to a function of {axis.name}; hold it at "
        f"a point of space for all {every}, which is point(...) without {axis.name}"
    )


def _fix_value(equations: Sequence[Equation], field: str) -> bool:
    """Whether one of them holds a field itself, and not only its derivatives."""
    return any(s.field == field and not any(s.index) for e in equations for s in e.jets)


def _is_at_single_value(equation: Equation, axis: Axis, along: int) -> bool:
    region = equation.region
    if region.dimension == 0:
        return len(set(region.sample(1, 0).points[:, along].tolist())) == 1
    return axis.name in region.fixed


def _find_held_ends(problem: Problem) -> list[str]:
    """Conditions at an end of a periodic axis, which has none."""
    return [
        f'condition "{e.condition}" holds on {e.region.label}, and {name} is periodic: it holds at '
        "both ends then, which few solutions do"
        for name in problem.periodic
        for e in problem.equations
        if e.region.end is not None and e.region.end[0] == name
    ]


def _find_equations_without_derivatives(problem: Problem) -> list[str]:
    inside = [e for e in problem.equations if e.is_interior]
    if any(sum(s.index) for e in inside for s in e.jets):
        return []
    return [
        f"no equation in the interior holds a derivative of {', '.join(problem.unknowns)}; it is "
        "solved for values alone, point by point"
    ]


def _highest_order(problem: Problem, field: str, axis: Axis) -> int:
    """The highest derivative of a field along an axis in the interior."""
    along = problem.domain.names.index(axis.name)
    interior = (e for e in problem.equations if e.is_interior)
    return max((s.index[along] for e in interior for s in e.jets if s.field == field), default=0)


def _count_conditions(problem: Problem, field: str, axis: Axis, end: float) -> int:
    """The number of conditions on a field where an axis ends."""
    return sum(
        e.region.end == (axis.name, end) and any(s.field == field for s in e.jets)
        for e in _pointwise(problem)
    )


def _pointwise(problem: Problem) -> list[Equation]:
    """The equations that hold at each point of their regions."""
    return [e for e in problem.equations if e.kind is not Kind.AVERAGE]


def _is_read(problem: Problem, field: str) -> bool:
    """Whether readings of a field may take the place of conditions at its edges.

    What they leave open is looked for after training.
    """
    values = sum(
        len(e.observed)
        for e in problem.equations
        if e.observed is not None and any(s.field == field for s in e.jets)
    )
    return values >= _FEW_READINGS


def _describe_missing(problem: Problem, field: str, axis: Axis, order: int) -> list[str]:
    low, high = (_count_conditions(problem, field, axis, end) for end in (axis.lower, axis.upper))
    where = f" on {field}" if len(problem.unknowns) > 1 else ""
    if axis.is_time:
        empty = [axis.lower] if low + high == 0 else []
    else:
        empty = [e for e, count in ((axis.lower, low), (axis.upper, high)) if count == 0]
    if empty:
        return [
            f"no condition{where} holds on the boundary {axis.name} = {end:g}; the solution may "
            "not be unique"
            for end in empty
        ]
    if low + high < order:
        return [
            f"{low + high} of {order} conditions{where or ' on ' + field} hold at the ends of "
            f"{axis.name}, for its derivative of order {order} in {axis.name}; the solution may "
            "not be unique"
        ]
    return []


def find_strays(problem: Problem) -> list[str]:
    """Fields that no interior equation holds, and references of other names."""
    inside = {s.field for e in problem.equations if e.is_interior for s in e.jets}
    found = [
        f"no equation in the interior mentions the field {name}; nothing determines it there"
        for name in problem.unknowns
        if name not in inside
    ]
    known = problem.reference.fields if problem.reference else ()
    found += [
        f"the reference knows {name}, which is not a field or derived output of the problem"
        for name in known
        if name not in problem.names
    ]
    return found
