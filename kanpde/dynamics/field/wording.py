"""Terms of equations of fields from text: "0.1 lap(u) - 3 (u^2)_x + u v_y"."""

from __future__ import annotations

import re

from kanpde.dynamics.field.term import PLAIN, Factor, Monomial, Notation, Orders, Term
from kanpde.errors import KanpdeError

_NUMBER = re.compile(r"[+-]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# Derivatives of a higher order are not read.
_HIGHEST = 20


def read_terms(text: str, notation: Notation = PLAIN) -> dict[Term, float]:
    """Known terms and their coefficients as they are written.

    Raises:
        KanpdeError: there is something else in the text.
    """
    found: dict[Term, float] = {}
    rest = text.strip()
    while rest:
        if found and rest[0] not in "+-":
            raise KanpdeError(_explain_misreading(text, rest, notation))
        number = _NUMBER.match(rest)
        sign = re.match(r"[+-]?", rest)
        assert sign is not None
        value = float(number[0].replace(" ", "")) if number else float(f"{sign[0]}1")
        rest = rest[(number or sign).end() :].lstrip(" *")
        term, after = _read_term(rest, notation)
        if term is None and (number is None or rest[:1] not in ("", "+", "-")):
            raise KanpdeError(_explain_misreading(text, rest, notation))
        key = term or notation.derive(notation.none, ())
        if key in found:
            raise KanpdeError(f"{text!r} names {key.name or 'a constant'} twice")
        found[key] = value
        rest = after.lstrip() if term else rest
    return found


def _read_term(text: str, notation: Notation) -> tuple[Term | None, str]:
    """The term at the beginning of a text, and what comes after it."""
    names = "|".join(map(re.escape, sorted(notation.fields, key=len, reverse=True)))
    axes = "|".join(map(re.escape, sorted(notation.axes, key=len, reverse=True)))
    power = r"(?:(?:\^|\*\*)(\d))?"
    suffix = rf"(?:_((?:{axes})+))?"
    after = r"(?![\w(])"
    if match := re.match(rf"\|grad\(({names})\)\|(?:\^|\*\*)2", text):
        place = notation.fields.index(match[1])
        return notation.gradients(place, place), text[match.end() :]
    if match := re.match(rf"grad\(({names})\)\s*\.\s*grad\(({names})\)", text):
        pair = sorted(notation.fields.index(name) for name in match.groups())
        return notation.gradients(*pair), text[match.end() :]
    if match := re.match(r"(lap\()?lap\(([^()]*)\)", text):
        end = match.end() + bool(match[1])
        monomial = _read_monomial(match[2], notation)
        if monomial is None or (match[1] and text[match.end() : end] != ")"):
            return None, text
        return notation.laplacian(monomial, 2 if match[1] else 1), text[end:]
    if match := re.match(rf"\(([^()]*)\){suffix}{after}", text):
        monomial = _read_monomial(match[1], notation)
        outer = _read_orders(match[2] or "", notation)
        return (notation.derive(outer, monomial) if monomial else None), text[match.end() :]
    return _read_product(text, notation, rf"({names}){power}{suffix}{power}{after}", names)


def _read_product(
    text: str, notation: Notation, pattern: str, names: str
) -> tuple[Term | None, str]:
    """Simple factors, one after another, and at most one Laplacian at their end."""
    factors: list[Factor] = []
    while match := re.match(pattern, text):
        place = notation.fields.index(match[1])
        orders = _read_orders(match[3] or "", notation)
        if match[2] and any(orders) and not factors:
            # u^2_x is read as (u^2)_x.
            return notation.derive(orders, (place,) * int(match[2])), text[match.end() :]
        factors += [Factor(place, orders)] * int(match[2] or match[4] or 1)
        text = text[match.end() :].lstrip(" *")
    if factors and (match := re.match(rf"lap\(({names})\)", text)):
        if any(any(factor.derivative) for factor in factors):
            return None, text
        monomial = tuple(factor.field for factor in factors)
        place = notation.fields.index(match[1])
        return notation.spread(monomial, place), text[match.end() :]
    if not factors:
        return None, text
    plain = tuple(factor.field for factor in factors)
    if not any(any(factor.derivative) for factor in factors):
        return notation.derive(notation.none, tuple(sorted(plain))), text
    if len(factors) == 1:
        return notation.derive(factors[0].derivative, plain), text
    return notation.multiply(factors), text


def _read_monomial(text: str, notation: Notation) -> Monomial | None:
    """The fields of "u^2 v", as often as they occur; None where it is something else."""
    places: list[int] = []
    for part in re.split(r"(?<!\*)\*(?!\*)|\s+", text.strip()):
        name, _, power = part.replace("**", "^").partition("^")
        if name not in notation.fields or (power and not power.isdigit()):
            return None
        places += [notation.fields.index(name)] * min(int(power or 1), _HIGHEST)
    return tuple(sorted(places))


def _read_orders(suffix: str, notation: Notation) -> Orders:
    """The derivative of a suffix such as xxy."""
    counts = dict.fromkeys(notation.axes, 0)
    longest = sorted(notation.axes, key=len, reverse=True)
    while suffix:
        name = next(each for each in longest if suffix.startswith(each))
        counts[name] += 1
        suffix = suffix[len(name) :]
    if sum(counts.values()) > _HIGHEST:
        raise KanpdeError(f"a derivative of order {sum(counts.values())} cannot be used")
    return tuple(counts.values())


def _explain_misreading(text: str, rest: str, notation: Notation) -> str:
    u, x = notation.fields[0], notation.axes[0]
    lap = f"{u}_{x}{x}" if len(notation.axes) == 1 else f"lap({u})"
    return (
        f"{text!r} is not understood at {rest[:20]!r}: write known terms as "
        f'"0.1 {lap} - 3 ({u}^2)_{x} + {u}"'
    )
