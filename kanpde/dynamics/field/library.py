"""The terms among which equations of fields are sought."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations_with_replacement, product

from kanpde.dynamics.field.term import Factor, Monomial, Notation, Term


def build_library(
    notation: Notation,
    powers: int,
    derivatives: int,
    *,
    products: bool = True,
    coordinates: Collection[int] = (),
) -> list[Term]:
    """The terms of fields, each once.

    Of one dimension: all derivatives of all monomials. Of more: first derivatives along each axis
    and Laplacians of all monomials, and of the fields themselves every derivative up to the third
    and the Laplacian of the Laplacian. Products: v u_x, grad u . grad v, u lap(v).

    Args:
        notation: the fields and the axes.
        powers: the highest degree of a monomial.
        derivatives: the highest order of a derivative.
        products: whether products with derivatives are in it.
        coordinates: the places of fields that are coordinates, for coefficients that vary; their
            own derivatives are known.
    """
    places = range(len(notation.fields))
    monomials: list[Monomial] = [
        each
        for degree in range(1, powers + 1)
        for each in combinations_with_replacement(places, degree)
    ]
    moving = [each for each in monomials if set(each) - set(coordinates)]
    terms = [notation.derive(notation.none, each) for each in ((), *monomials)]
    for order in range(1, derivatives + 1):
        for monomial in moving:
            terms += _derive(notation, monomial, order)
    if products and derivatives:
        terms += _multiply(notation, derivatives, coordinates)
    return list(dict.fromkeys(terms))


def _derive(notation: Notation, monomial: Monomial, order: int) -> list[Term]:
    """The derivatives of one order of a monomial."""
    linear = len(monomial) == 1
    if len(notation.axes) == 1 or order == 1:
        return [notation.derive(each, monomial) for each in notation.derivatives(order)]
    terms = []
    if order in (2, 4) and (linear or order == 2):
        terms.append(notation.laplacian(monomial, order // 2))
    if linear and order < 4:
        terms += [notation.derive(each, monomial) for each in notation.derivatives(order)]
    return terms


def _multiply(notation: Notation, derivatives: int, coordinates: Collection[int]) -> list[Term]:
    """Products in which a derivative is a factor, as far as no derivative of a power is the same.

    u u_x is (u^2)_x / 2.
    """
    places = range(len(notation.fields))
    moving = [k for k in places if k not in coordinates]
    axes = range(len(notation.axes))
    terms = [
        notation.multiply([Factor(k, notation.none), Factor(other, notation.along(axis))])
        for k, other, axis in product(places, moving, axes)
        if k != other
    ]
    if derivatives >= 2:
        terms += [
            notation.gradients(k, other) for k, other in combinations_with_replacement(moving, 2)
        ]
        terms += [notation.spread((k,), other) for k, other in product(places, moving)]
    return terms
