"""Problems as plain data: a saved model is read back without running code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry import domain_from_data, region_from_data
from kanpde.problem.conditions import statement_from_data
from kanpde.problem.conditions.condition import returning
from kanpde.problem.fields import FieldNames, read_fields
from kanpde.problem.integrals import Integral
from kanpde.problem.laws import gather_laws
from kanpde.problem.problem import Problem
from kanpde.problem.tables import table_from_data
from kanpde.symbols.expression import Expression, symbolic
from kanpde.symbols.law import LawStatement
from kanpde.symbols.parse import parse
from kanpde.symbols.printing import code
from kanpde.symbols.unknown import UnknownSymbol, unknown


def problem_to_data(problem: Problem) -> dict[str, Any]:
    """A problem as JSON data, all but its reference (a function)."""
    data = {
        **problem.domain.to_data(),
        "fields": [n for n in problem.field_names if n not in problem.laws],
        "conditions": [c.to_data(problem.equations_of(c)) for c in problem.conditions],
        "lift": {n: code(symbolic(e)) for n, e in problem.lift.items()},
        "derived": {n: code(e) for n, e in problem.outputs.items()},
        "vectors": {n: list(parts) for n, parts in problem.vectors.items()},
        "units": dict(problem.units),
        "title": problem.title,
    }
    if problem.enrich:
        data["enrich"] = {n: [code(symbolic(e)) for e in v] for n, v in problem.enrich.items()}
    if problem.materials:
        data["materials"] = [region.to_data() for region in problem.materials]
    if problem.traced_integrals:
        data["integrals"] = {
            n: {**i.region.to_data(), "integrand": code(i.expression), "exact": i.exact}
            for n, i in problem.traced_integrals.items()
        }
    support = {n: problem.field_space.support[n] for n in data["fields"]}
    if any(axes != problem.domain.names for axes in support.values()):
        data["support"] = {n: list(axes) for n, axes in support.items()}
    if problem.tables:
        data["tables"] = {n: table.to_data() for n, table in problem.tables.items()}
    if problem.numbers:
        data["numbers"] = {n.name: _number_to_data(n.sympy) for n in problem.numbers}
    if problem.laws:
        data["laws"] = {n: asdict(s) for n, s in problem.laws.items()}
    return data


def _law_from_data(data: Mapping[str, Any]) -> LawStatement:
    ranges = tuple((float(low), float(high)) for low, high in data["ranges"])
    return LawStatement(tuple(map(str, data["arguments"])), float(data["start"]), ranges)


def _number_to_data(symbol: UnknownSymbol) -> dict[str, Any]:
    ends = [end if math.isfinite(end) else None for end in symbol.ends]
    return {"start": symbol.start, "bounds": ends}


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
    domain = domain_from_data(data)
    names: FieldNames = tuple(str(n) for n in data["fields"])
    if "support" in data:
        support = data["support"]
        names = {n: tuple(domain.axis(a) for a in support[n]) for n in names}
    numbers = [
        unknown(str(n), float(v["start"]), bounds=list(v["bounds"]))
        for n, v in data.get("numbers", {}).items()
    ]
    regions = [region_from_data(r, domain) for r in data.get("materials", ())]
    laws = {str(n): _law_from_data(v) for n, v in data.get("laws", {}).items()}
    plain = read_fields(names, domain).with_numbers([number.name for number in numbers])
    plain = plain.with_laws(gather_laws(laws, [], plain)[1])
    tables = {str(n): table_from_data(str(n), t) for n, t in data.get("tables", {}).items()}
    fields = replace(plain, materials=len(regions), tables=tables)
    read = fields.read

    def read_plain(text: str) -> Expression:
        return Expression(parse(text, domain.names, tables=tables))

    return Problem(
        domain,
        names,
        [statement_from_data(c, domain, fields) for c in data["conditions"]],
        lift={n: read_plain(e) for n, e in data["lift"].items()},
        derived={n: returning([read(e)]) for n, e in data["derived"].items()},
        vectors={n: tuple(parts) for n, parts in data["vectors"].items()},
        units=dict(data["units"]),
        numbers=numbers,
        laws=laws,
        title=str(data["title"]),
        enrich={n: [read_plain(e) for e in v] for n, v in data.get("enrich", {}).items()},
        integrals={
            n: Integral(returning([read(i["integrand"])]), region_from_data(i, domain), i["exact"])
            for n, i in data.get("integrals", {}).items()
        },
        materials=regions,
    )
