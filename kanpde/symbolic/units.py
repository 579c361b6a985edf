"""Units of columns: reading them, and whether a formula adds apples to pears."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

import sympy

from kanpde.errors import KanpdeError

# Exponents of base units; empty for a pure number.
Dimension = dict[str, Fraction]

_DERIVED = {
    "N": "kg m s^-2", "J": "kg m^2 s^-2", "W": "kg m^2 s^-3", "Pa": "kg m^-1 s^-2", "Hz": "s^-1",
    "C": "A s", "V": "kg m^2 s^-3 A^-1", "ohm": "kg m^2 s^-3 A^-2", "F": "kg^-1 m^-2 s^4 A^2",
    "T": "kg s^-2 A^-1", "rad": "1",
}  # fmt: skip
_PART = re.compile(r"([*/ ]*)([A-Za-z]+|1)(?:\^?(-?\d+(?:/\d+)?))?")
_PURE = (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.tanh, sympy.cosh,
         sympy.sinh, sympy.asin, sympy.acos, sympy.atan)  # fmt: skip


def read_unit(text: str) -> Dimension:
    """The exponents of `m/s^2`, `kg m^2`, `N` or `1`.

    Raises:
        KanpdeError: for text that is not a unit.
    """
    out: Dimension = {}
    place = 0
    clean = text.strip().replace("**", "^")
    while place < len(clean):
        found = _PART.match(clean, place)
        if found is None:
            raise KanpdeError(f"`{text}` is not a unit; write `m/s^2`, `kg m^2` or `1`")
        sign = -1 if "/" in found.group(1) else 1
        power = sign * Fraction(found.group(3) or 1)
        name = found.group(2)
        part = read_unit(_DERIVED[name]) if name in _DERIVED else {name: Fraction(1)}
        for base, exponent in part.items():
            if base != "1":
                out[base] = out.get(base, Fraction(0)) + power * exponent
        place = found.end()
    return _drop_zeros(out)


def combine_units(operation: str, parts: Sequence[Dimension]) -> Dimension | None:
    """The units of an operation on parts of such units; None where it has no meaning."""
    first = parts[0]
    match operation:
        case "add" | "subtract":
            return first if first == parts[1] else None
        case "multiply":
            return _multiply(first, parts[1], 1)
        case "divide":
            return _multiply(first, parts[1], -1)
        case "square":
            return _raise(first, Fraction(2))
        case "sqrt":
            return _raise(first, Fraction(1, 2))
        case _:
            return {} if not first else None


def find_unit(formula: sympy.Expr, units: Mapping[sympy.Symbol, Dimension]) -> Dimension | None:
    """The units of a formula whose numbers are pure ones; None where it has none."""
    if formula.is_Number or formula.is_NumberSymbol:
        return {}
    if formula.is_Symbol:
        return units[formula]
    if formula.is_Pow:
        base = find_unit(formula.base, units)
        if base is None or (base and not formula.exp.is_number):
            return None
        if base:
            return _raise(base, Fraction(float(formula.exp)).limit_denominator(12))
        return {} if find_unit(formula.exp, units) == {} else None
    parts = [find_unit(part, units) for part in formula.args]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if formula.is_Mul:
        out: Dimension = {}
        for part in known:
            out = _multiply(out, part, 1)
        return out
    if formula.is_Add:
        return known[0] if all(part == known[0] for part in known) else None
    return {} if isinstance(formula, _PURE) and not known[0] else None


def _multiply(first: Dimension, second: Dimension, sign: int) -> Dimension:
    names = {*first, *second}
    zero = Fraction(0)
    return _drop_zeros({n: first.get(n, zero) + sign * second.get(n, zero) for n in names})


def _raise(unit: Dimension, power: Fraction) -> Dimension:
    return _drop_zeros({name: power * exponent for name, exponent in unit.items()})


def _drop_zeros(unit: Dimension) -> Dimension:
    return {name: exponent for name, exponent in unit.items() if exponent}
