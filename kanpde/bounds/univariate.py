"""Taylor series of elementary functions at real centres, with what they leave out.

A series has the coefficients a_0 ... a_p at the centres c, (p + 1, ...), bounds of their errors,
and a bound (...) of the tail, the sum of a_j z^j over j > p, for all complex |z| <= r. The tail is
infinite where the disc reaches a singularity. NumPy's elementary functions are taken to be exact
to 4 units in the last place, which is what NumPy states of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds.monomials import UNIT, UP

# The relative error of an elementary function: 4 units in the last place.
LIBRARY = 8 * UNIT
# Terms of a tail that are added one by one, before the rest is bounded by a geometric series.
_TAIL = 60


@dataclass(frozen=True)
class Series:
    """Coefficients and bounds of their errors, (p + 1, ...), and of the tail, (...)."""

    coefficients: Array
    errors: Array
    tail: Array


def _series(a: Sequence[Array], errors: Sequence[Array], tail: Array) -> Series:
    tail = np.nan_to_num(tail * UP, nan=np.inf, posinf=np.inf)
    return Series(np.stack(a), np.stack(errors) * UP, tail)


def exp(c: Array, r: Array, degree: int) -> Series:
    """e^z: coefficients e^c / j!."""
    value = np.exp(c)
    a = [value / math.factorial(j) for j in range(degree + 1)]
    return _series(
        a, [(LIBRARY + 4 * UNIT) * each for each in a], value * exponential_tail(r, degree)
    )


def sin(c: Array, r: Array, degree: int) -> Series:
    """sin z: derivatives sin, cos, -sin, -cos."""
    return _wave(np.sin(c), np.cos(c), r, degree)


def cos(c: Array, r: Array, degree: int) -> Series:
    """cos z: derivatives cos, -sin, -cos, sin."""
    return _wave(np.cos(c), -np.sin(c), r, degree)


def _wave(value: Array, slope: Array, r: Array, degree: int) -> Series:
    cycle = (value, slope, -value, -slope)
    a = [cycle[j % 4] / math.factorial(j) for j in range(degree + 1)]
    return _series(
        a, [(LIBRARY + 4 * UNIT) * np.abs(each) for each in a], exponential_tail(r, degree)
    )


def exponential_tail(r: Array, degree: int) -> Array:
    """Sum of r^j / j! over j > degree."""
    n = degree + 1
    ratio = r / (n + 1)
    geometric = np.where(ratio < 0.5, 1 / (1 - np.minimum(ratio, 0.5)), np.exp(np.minimum(r, 700)))
    return np.asarray(UP * r**n / math.factorial(n) * geometric)


def power(c: Array, r: Array, degree: int, exponent: float) -> Series:
    """z^exponent around positive centres, around negative ones too for integers.

    The coefficients are binomials, whose ratios are at most g = max(1, (n - exponent) / (n + 1)),
    n = degree + 1.
    """
    n = degree + 1
    with np.errstate(all="ignore"):
        a = [np.power(c, exponent)]
        for j in range(n):
            a.append(a[j] * ((exponent - j) / (j + 1)) / c)
        ratio = max(1.0, (n - exponent) / (n + 1)) * r / np.abs(c)
        ok = (ratio < 1) & ((c > 0) | float(exponent).is_integer())
        tail = np.where(ok, np.abs(a[n]) * r**n / (1 - ratio), np.inf)
        errors = [(LIBRARY + 4 * j * UNIT) * np.abs(each) for j, each in enumerate(a[:n])]
    return _series(a[:n], errors, tail)


def log(c: Array, r: Array, degree: int) -> Series:
    """log z around positive centres: (-1)^(j-1) / (j c^j)."""
    n = degree + 1
    with np.errstate(all="ignore"):
        a = [np.log(c), *((-1) ** (j - 1) / (j * c**j) for j in range(1, n))]
        errors = [(LIBRARY + 4 * j * UNIT) * np.abs(each) for j, each in enumerate(a)]
        ratio = r / c
        tail = np.where((c > 0) & (ratio < 1), ratio**n / (n * (1 - ratio)), np.inf)
    return _series(a, errors, tail)


def tanh(c: Array, r: Array, degree: int) -> Series:
    """tanh z, by t' = 1 - t^2.

    The tail follows from the partial fractions tanh z = sum over k of 1/(z - p_k) + 1/(z + p_k),
    p_k = i pi (k - 1/2): |a_j| <= 2 sum_k |c - p_k|^-(j+1).
    """
    a, errors = [np.tanh(c)], [LIBRARY * np.abs(np.tanh(c))]
    for j in range(degree):
        total, sizes, carried = np.zeros_like(c), np.zeros_like(c), np.zeros_like(c)
        for i in range(j + 1):
            total += a[i] * a[j - i]
            sizes += np.abs(a[i] * a[j - i])
            carried += (2 * np.abs(a[i]) + errors[i]) * errors[j - i]
        following = ((1.0 if j == 0 else 0.0) - total) / (j + 1)
        errors.append((carried + (j + 4) * UNIT * (sizes + (j == 0))) / (j + 1))
        a.append(following)
    n = degree + 1
    nearest = np.sqrt(c * c + (math.pi / 2) ** 2) * (1 - 8 * UNIT)
    # The other poles, relative to the nearest pair, for the first omitted coefficient; those of
    # k > 12 by the integral of (pi (k - 1/2))^-(n+1) from k = 12 on.
    poles = sum(
        (nearest / np.sqrt(c * c + (math.pi * (k - 0.5)) ** 2)) ** (n + 1) for k in range(2, 13)
    )
    far = (nearest / math.pi) ** (n + 1) * 11.5**-n / n
    ratio = r / nearest
    with np.errstate(all="ignore"):
        whole = 2 * (1 + poles + far) / nearest * ratio**n / (1 - ratio)
        tail = np.where(ratio < 1, whole, np.inf)
    return _series(a, errors, tail)


def atan(c: Array, r: Array, degree: int) -> Series:
    """atan z, by its derivative 1 / (1 + z^2); its poles are at +-i."""
    n = degree + 1
    square = 1 + c * c
    slope, missed = [1 / square], [4 * UNIT / square]
    for j in range(1, n):
        before, error = (slope[j - 2], missed[j - 2]) if j > 1 else (0 * c, 0 * c)
        slope.append((-2 * c * slope[j - 1] - before) / square)
        size = (2 * np.abs(c * slope[j - 1]) + np.abs(before)) / square
        missed.append((2 * np.abs(c) * missed[j - 1] + error) / square + 8 * UNIT * size)
    a = [np.arctan(c), *(slope[j - 1] / j for j in range(1, n))]
    errors = [LIBRARY * np.abs(a[0])]
    errors += [(missed[j - 1] + 2 * UNIT * np.abs(slope[j - 1])) / j for j in range(1, n)]
    ratio = r / np.sqrt(square) * (1 + 8 * UNIT)
    with np.errstate(all="ignore"):
        tail = np.where(ratio < 1, ratio**n / (n * (1 - ratio)), np.inf)
    return _series(a, errors, tail)


def erf(c: Array, r: Array, degree: int) -> Series:
    """erf z, by its derivative 2 / sqrt(pi) e^(-z^2)."""
    from scipy.special import erf as of_numbers

    scale = 2 / math.sqrt(math.pi)
    slope = gaussian(c, r, degree)
    a = [np.asarray(of_numbers(c))]
    errors = [LIBRARY * np.abs(a[0])]
    for j in range(1, degree + 1):
        a.append(scale * slope.coefficients[j - 1] / j)
        errors.append(scale * slope.errors[j - 1] / j + 4 * UNIT * np.abs(a[j]))
    last = (np.abs(slope.coefficients[-1]) + slope.errors[-1]) * r ** (degree + 1) / (degree + 1)
    return _series(a, errors, scale * (last + r * slope.tail))


def gaussian(c: Array, r: Array, degree: int) -> Series:
    """e^(-z^2): Hermite functions.

    The coefficients are at most 1.0865 2^(j/2) / sqrt(j!) e^(-c^2 / 2) (Cramer's inequality).
    """
    a = [np.exp(-c * c)]
    errors = [(LIBRARY + 4 * UNIT * c * c) * a[0]]
    for j in range(degree):
        before, missed = (a[j - 1], errors[j - 1]) if j else (0 * c, 0 * c)
        a.append(-2 * (c * a[j] + before) / (j + 1))
        size = np.abs(c * a[j]) + np.abs(before)
        errors.append(2 * (np.abs(c) * errors[j] + missed + 4 * UNIT * size) / (j + 1))
    first, last = degree + 1, degree + 1 + _TAIL
    with np.errstate(all="ignore"):
        terms = [(math.sqrt(2) * r) ** j / math.sqrt(math.factorial(j)) for j in range(first, last)]
        ratio = math.sqrt(2 / last) * r
        whole = 1.0866 * np.exp(-c * c / 2) * (sum(terms) + terms[-1] * ratio / (1 - ratio))
        tail = np.where(ratio < 1, whole, np.inf)
    return _series(a, errors, tail)


FUNCTIONS: dict[str, Callable[[Array, Array, int], Series]] = {
    "exp": exp, "sin": sin, "cos": cos, "log": log, "tanh": tanh, "atan": atan, "erf": erf,
}  # fmt: skip
