"""Taylor models: polynomials with a rigorous bound of what they leave out.

A model stands for all functions that are analytic on the polydisc |z_i| <= 1 and differ from its
polynomial by a homogeneous polynomial of each degree k <= p, whose coefficients sum up to at most
`radii[k]` in absolute value, and by a function of at most `radii[p + 1]`. What is proven for the
polydisc holds on the cube [-1, 1]^d. (Makino & Berz, Int. J. Pure Appl. Math. 4, 2003; here with
errors by degree, since a derivative of order two multiplies a rounding error in the constant by
nothing and one of degree 10 by 90.)

Rounding: the error of each stored coefficient is bounded by the number of operations times the
sizes that enter, and added to the radii; the radii, which are sums and products of positive
numbers, are enlarged by UP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.monomials import UNIT, UP, Monomials
from kanpde.bounds.univariate import FUNCTIONS, Series, power


@dataclass(frozen=True)
class TaylorModel:
    """Models on many boxes: coefficients (terms, ...) and radii (degree + 2, ...)."""

    space: Monomials
    coefficients: Array
    radii: Array

    @staticmethod
    def constant(space: Monomials, value: Array, error: Array | float = 0.0) -> TaylorModel:
        """The same value everywhere, of shape (...)."""
        value = np.asarray(value, float)
        coefficients = np.zeros((space.count, *value.shape))
        radii = np.zeros((space.degree + 2, *value.shape))
        coefficients[0], radii[0] = value, error
        return TaylorModel(space, coefficients, radii)

    @staticmethod
    def coordinate(space: Monomials, axis: int, centre: Array, half: Array) -> TaylorModel:
        """centre + half z, z the variable of this axis."""
        out = TaylorModel.constant(space, centre, 4 * UNIT * (np.abs(centre) + np.abs(half)))
        unit = tuple(int(k == axis) for k in range(space.dimension))
        out.coefficients[space.position[unit]] = half
        return out

    @property
    def graded(self) -> Array:
        """Sums of |coefficient| by degree, (degree + 1, ...)."""
        return self.space.graded(self.coefficients)

    @property
    def size(self) -> Array:
        """A bound of the absolute value on the polydisc, (...)."""
        return np.asarray(UP * (np.abs(self.coefficients).sum(0) + self.radii.sum(0)))

    @property
    def radius(self) -> Array:
        """A bound of the distance from the polynomial, (...)."""
        return np.asarray(UP * self.radii.sum(0))

    def __add__(self, other: TaylorModel | float) -> TaylorModel:
        if not isinstance(other, TaylorModel):
            other = TaylorModel.constant(self.space, np.full(self.coefficients.shape[1:], other))
        total = self.coefficients + other.coefficients
        rounding = UNIT * self.space.graded(total)
        radii = self.radii + other.radii
        radii[:-1] += rounding
        return TaylorModel(self.space, total, UP * radii)

    def __neg__(self) -> TaylorModel:
        return TaylorModel(self.space, -self.coefficients, self.radii)

    def __sub__(self, other: TaylorModel) -> TaylorModel:
        return self + (-other)

    def scaled(self, factor: float, error: float = 0.0) -> TaylorModel:
        """Times a number that is known up to `error`."""
        radii = abs(factor) * self.radii
        if error:
            radii = radii + error * self.radii
        radii[:-1] += (error + UNIT * abs(factor)) * self.graded
        return TaylorModel(self.space, factor * self.coefficients, UP * radii)

    def __mul__(self, other: TaylorModel) -> TaylorModel:
        return multiply(self, other)

    def apply(self, function: str) -> TaylorModel:
        """An elementary function of the model; its radius is infinite near a singularity."""
        return self._compose(FUNCTIONS[function](*self._around(), self.space.degree))

    def to_power(self, exponent: float) -> TaylorModel:
        """A power with a constant exponent, a real number."""
        if exponent == int(exponent) and 1 <= exponent <= 12:
            out = self
            for _ in range(int(exponent) - 1):
                out = multiply(out, self)
            return out
        return self._compose(power(*self._around(), self.space.degree, exponent))

    def _around(self) -> tuple[Array, Array]:
        """The constant term, and how far the model may be from it, (...) each."""
        away = np.abs(self.coefficients[1:]).sum(0) + self.radii.sum(0)
        return self.coefficients[0], UP * away

    def _compose(self, series: Series) -> TaylorModel:
        moved = self.coefficients.copy()
        moved[0] = 0
        step = TaylorModel(self.space, moved, self.radii)
        powers = raise_to_powers(step, self.space.degree)
        out = TaylorModel.constant(self.space, series.coefficients[0], series.errors[0])
        for k, each in enumerate(powers, 1):
            a, error = series.coefficients[k], series.errors[k]
            radii = (np.abs(a) + error) * each.radii
            radii[:-1] += (error + 4 * UNIT * np.abs(a)) * each.graded
            total = out.coefficients + a * each.coefficients
            radii[:-1] += 2 * UNIT * self.space.graded(total)
            out = TaylorModel(self.space, total, UP * (out.radii + radii))
        out.radii[-1] += series.tail
        # 0 times infinity: a step without a bound has none after it.
        np.nan_to_num(out.radii, copy=False, nan=np.inf, posinf=np.inf)
        return out

    def rescaled(self, factor: float) -> TaylorModel:
        """The model as a function of w, z = factor w with factor <= 1."""
        by_degree = factor ** np.arange(self.space.degree + 1)
        shape = (-1, *(1,) * (self.coefficients.ndim - 1))
        coefficients = self.coefficients * by_degree[self.space.degrees].reshape(shape)
        radii = self.radii.copy()
        radii[:-1] *= by_degree.reshape(shape)
        rounding = (self.space.degree + 1) * 2 * UNIT
        radii[:-1] += rounding * self.space.graded(coefficients)
        return TaylorModel(self.space, coefficients, UP * radii)


def multiply(a: TaylorModel, b: TaylorModel, least: int = 0) -> TaylorModel:
    """The product; `least` is a degree below which the polynomial of `a` has no terms."""
    space, p = a.space, a.space.degree
    coefficients = space.multiply(a.coefficients, b.coefficients, least)
    sa, sb = a.graded, b.graded
    radii = multiply_radii(sa, a.radii, sb, b.radii)
    radii[: p + 1] += space.dropped(sa, sb)
    return TaylorModel(space, coefficients, UP * radii)


def multiply_radii(sa: Array, ra: Array, sb: Array, rb: Array) -> Array:
    """The radii (p + 2, ...) of a product, from graded sums (p + 1, ...) and radii of its factors.

    Without what is rounded; with what is left out, the terms of degree above p.
    """
    p = len(sa) - 1
    fa, fb = ra.copy(), rb.copy()
    fa[: p + 1] += sa
    fb[: p + 1] += sb
    out = np.zeros((p + 2, *np.broadcast_shapes(ra.shape[1:], rb.shape[1:])))
    for j in range(p + 1):
        n = p + 1 - j
        out[j : p + 1] += sa[j] * rb[:n] + ra[j] * fb[:n]
    beyond = np.cumsum(fb[::-1], axis=0)[::-1]  # those of degree k and more
    for j in range(p + 2):
        out[p + 1] += fa[j] * beyond[max(p + 1 - j, 0)]
    return out


def raise_to_powers(step: TaylorModel, most: int) -> list[TaylorModel]:
    """The powers 1 ... `most` of a model without constant term."""
    powers = [step]
    for k in range(1, most):
        powers.append(multiply(powers[-1], step, least=k))
    return powers


def concatenate(models: Sequence[TaylorModel]) -> TaylorModel:
    """Models of several sets of boxes as one, along the last dimension."""
    return TaylorModel(
        models[0].space,
        np.concatenate([m.coefficients for m in models], -1),
        np.concatenate([m.radii for m in models], -1),
    )


def select(model: TaylorModel, at: AnyArray) -> TaylorModel:
    """The models of some boxes."""
    return TaylorModel(model.space, model.coefficients[..., at], model.radii[..., at])
