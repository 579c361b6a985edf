"""Expressions and problems as plain data: a saved model is read back without running code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Face, Faces, Points
from kanpde.problem.problem import Condition, Observation, Periodic, Problem
from kanpde.symbols.expression import Expression, symbolic
from kanpde.symbols.parse import parse
from kanpde.symbols.printing import code


def problem_to_data(problem: Problem) -> dict[str, Any]:
    """A problem as JSON data, all but its reference (a function)."""
    return {
        "box": {name: list(ends) for name, ends in problem.box.intervals.items()},
        "fields": list(problem.unknowns),
        "conditions": [_condition_to_data(c, problem) for c in problem.conditions],
        "lift": {n: code(symbolic(e)) for n, e in problem.lift.items()},
        "derived": {n: code(e) for n, e in problem.outputs.items()},
        "vectors": {n: list(parts) for n, parts in problem.vectors.items()},
        "units": dict(problem.units),
        "title": problem.title,
    }


def _condition_to_data(
    condition: Condition | Periodic | Observation, problem: Problem
) -> dict[str, Any]:
    match condition:
        case Periodic(axis=axis, name=name):
            return {"periodic": axis.name, "name": name}
        case Observation(name=name, points=points, values=values, weight=weight):
            return {
                "name": name,
                "weight": weight,
                "points": points.coordinates.tolist(),
                "values": {n: v.tolist() for n, v in values.items()},
            }
    own = [e for e in problem.equations if e.condition == condition.name]
    region = condition.region
    data: dict[str, Any] = {"name": condition.name, "weight": condition.weight}
    if isinstance(region, Points):
        data["points"] = region.coordinates.tolist()
    else:
        parts = region.parts if isinstance(region, Faces) else (region,)
        data["parts"] = [dict(part.fixed) for part in parts]
        own = own[:: len(parts)]  # each expression stands on each part
    return data | {"expressions": [code(e.expression) for e in own]}


def problem_from_data(data: Mapping[str, Any]) -> Problem:
    """The problem of `problem_to_data`, without a reference.

    Raises KanpdeError for data that are not of this form.
    """
    try:
        return _problem_from_data(data)
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"the saved problem cannot be read ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, KanpdeError) else f"{type(error).__name__}: {error}"


def _problem_from_data(data: Mapping[str, Any]) -> Problem:
    for name in data["box"]:
        if not name.isidentifier():
            raise KanpdeError(f"{name[:60]!r} is no name of an axis")
    box = Box(**{n: (float(a), float(b)) for n, (a, b) in data["box"].items()})
    fields = tuple(str(n) for n in data["fields"])
    return Problem(
        box,
        fields,
        [_condition_from_data(c, box, fields) for c in data["conditions"]],
        lift={n: Expression(parse(e, box.names)) for n, e in data["lift"].items()},
        derived={n: _returning([parse(e, box.names, fields)]) for n, e in data["derived"].items()},
        vectors={n: tuple(parts) for n, parts in data["vectors"].items()},
        units=dict(data["units"]),
        title=str(data["title"]),
    )


def _condition_from_data(
    data: Mapping[str, Any], box: Box, fields: tuple[str, ...]
) -> Condition | Periodic | Observation:
    if "periodic" in data:
        (axis,) = (a for a in box.axes if a.name == data["periodic"])
        return Periodic(axis, str(data["name"]))
    name, weight = str(data["name"]), float(data["weight"])
    points = Points(box, np.array(data["points"], float)) if "points" in data else None
    if "values" in data and points is not None:
        values = {n: np.array(v, float) for n, v in data["values"].items()}
        return Observation(name, points, values, weight)
    residual = _returning([parse(e, box.names, fields) for e in data["expressions"]])
    if points is not None:
        return Condition(name, points, residual, weight)
    parts = tuple(
        Face(box, tuple(sorted((n, float(v)) for n, v in fixed.items()))) if fixed else box
        for fixed in data["parts"]
    )
    return Condition(name, parts[0] if len(parts) == 1 else Faces(parts), residual, weight)


def _returning(expressions: list[Any]) -> Any:
    return lambda: tuple(Expression(e) for e in expressions)
