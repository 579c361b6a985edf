"""Samples of fields on an even grid, with everything that regression in weak form takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import comb, factorial, perm, prod

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import Bumps, choose_widths, spread_widths
from kanpde.dynamics.field.halves import chequer, smooth_half
from kanpde.dynamics.field.noise import Denoised, denoise, differentiate, unbias_power
from kanpde.dynamics.field.term import Factor, Monomial, Notation, Orders, Piece, Term

# What one equation asks of a sum of products: d/du of what stands under each derivative.
Slopes = dict[Orders, Array]
# The share of the variance below which products of noise are left out.
_NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Grid:
    """Fields (Nt, Nx, ...) on rows `axes`, t first, with and without their noise.

    `integrals` holds what was integrated already, which the equations of all fields share. `seen`
    says which samples are taken, where these are not all.
    """

    notation: Notation
    axes: tuple[Array, ...]
    raw: tuple[Array, ...]
    smooth: tuple[Denoised, ...]
    seen: Array | None = None
    integrals: dict[tuple[tuple[int, ...], Piece, bool], Array] = field(default_factory=dict)
    derivatives: dict[Factor, Array] = field(default_factory=dict)

    @staticmethod
    def of(
        notation: Notation, axes: Sequence[Array], raw: Sequence[Array], exact: Sequence[int] = ()
    ) -> Grid:
        """The fields, smoothed; those at the places `exact` have no noise."""
        smooth = tuple(
            Denoised(u, 0.0, 0.0) if k in exact else denoise(u) for k, u in enumerate(raw)
        )
        return Grid(notation, tuple(axes), tuple(raw), smooth)

    @cached_property
    def halves(self) -> tuple[Grid, Grid]:
        """The two halves of the samples, chequered, each with the smooth fields of its own."""
        even = chequer([len(axis) for axis in self.axes])
        return self._take_half(even), self._take_half(np.logical_not(even))

    def _take_half(self, seen: Array) -> Grid:
        pairs = zip(self.raw, self.smooth, strict=True)
        return self.restrict([smooth_half(u, seen, whole) for u, whole in pairs], seen)

    def restrict(self, smooth: Sequence[Denoised], seen: Array) -> Grid:
        """The samples that are `seen`, with other smooth fields."""
        return Grid(self.notation, self.axes, self.raw, tuple(smooth), seen)

    def derive(self, factor: Factor) -> Array:
        """A factor without noise, on the grid."""
        if not any(factor.derivative):
            return self.smooth[factor.field].values
        if factor not in self.derivatives:
            smooth = self.smooth[factor.field]
            self.derivatives[factor] = differentiate(smooth, self.axes, factor.derivative)
        return self.derivatives[factor]

    def multiply(self, factors: Sequence[Factor]) -> Array:
        """A product without noise, on the grid."""
        values = [self.derive(f) ** n for f, n in Counter(factors).items()]
        return np.asarray(prod(values[1:], start=values[0])) if values else self._ones

    def multiply_raw(self, factors: Sequence[Factor]) -> Array:
        """A product of samples that is right on average.

        Where a field stands differentiated, all its factors are smooth: the noise of both would
        not be independent.
        """
        rough = {f.field for f in factors if any(f.derivative)}
        values = [
            self.derive(f) ** n
            if f.field in rough
            else unbias_power(self.raw[f.field], n, self.smooth[f.field].noise)
            for f, n in Counter(factors).items()
        ]
        return np.asarray(prod(values[1:], start=values[0])) if values else self._ones

    def take(self, values: Array) -> Array:
        """Values with zeros where samples are not taken."""
        return values if self.seen is None else np.where(self.seen, values, 0.0)

    @property
    def _ones(self) -> Array:
        return np.ones(tuple(map(len, self.axes)))

    def integrate(self, bumps: Bumps, term: Term, *, raw: bool) -> Array:
        """The integrals (K,) of a term, of the samples or of the smooth fields."""
        parts = [self._integrate(bumps, piece, raw=raw) for piece in term.pieces]
        return np.asarray(np.sum(parts, axis=0))

    def _integrate(self, bumps: Bumps, piece: Piece, *, raw: bool) -> Array:
        key = (bumps.halves, piece, raw)
        if key not in self.integrals:
            values = (self.multiply_raw if raw else self.multiply)(piece.factors)
            values = self.take(values) if raw else values
            self.integrals[key] = piece.weight * bumps.integral(values, piece.outer)
        return self.integrals[key]


@dataclass(frozen=True)
class GridSamples:
    """Fields on a grid, and the equation that is sought: of the field `own`, of an order in time.

    `known` are terms whose coefficients are known.
    """

    grid: Grid
    own: int
    order: int
    known: Mapping[Term, float]

    @property
    def u(self) -> Array:
        return self.grid.raw[self.own]

    @property
    def smooth(self) -> Array:
        return self.grid.smooth[self.own].values

    @property
    def noise(self) -> float:
        return self.grid.smooth[self.own].noise

    @cached_property
    def halves(self) -> tuple[GridSamples, GridSamples]:
        """The same equation by each half of the samples."""
        one, other = (replace(self, grid=half) for half in self.grid.halves)
        return one, other

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Half widths of the bumps in samples, along t and the axes of space."""
        return choose_widths(self.smooth, self.grid.axes)

    def spread_widths(self, factors: Sequence[float]) -> list[tuple[int, ...]]:
        """Half widths from the least; `factors`, of those of space, are in units of `widths`."""
        return spread_widths(self.widths, [len(axis) for axis in self.grid.axes], factors)

    def bumps(self, halves: Sequence[int], highest: int = 4) -> Bumps:
        """Bumps of half widths along t and the axes of space."""
        return Bumps.on_grid(self.grid.axes, halves, highest)

    def rows(self, bumps: Bumps, terms: Sequence[Term]) -> Array:
        """The integrals (K, P) of terms of the smooth fields: they choose and weigh."""
        return np.array([self.grid.integrate(bumps, term, raw=False) for term in terms]).T

    def raw_rows(self, bumps: Bumps, terms: Sequence[Term]) -> Array:
        """The integrals (K, P) of terms of the samples: they decide, with errors of mean zero."""
        return np.array([self.grid.integrate(bumps, term, raw=True) for term in terms]).T

    def right(self, bumps: Bumps) -> Array:
        """The integrals (K,) of the derivative in time, less the known terms."""
        values = self.grid.take(self.u)
        out = bumps.integral(values, self.grid.notation.none, self.order)
        for term, factor in self.known.items():
            out = out - factor * self.grid.integrate(bumps, term, raw=True)
        return out

    def covariance(self, bumps: Bumps, slopes: Sequence[Slopes]) -> Array:
        """The covariance (K, K) of the rows' residuals, from the noise of all fields.

        Args:
            bumps: on the grid.
            slopes: `slopes`, and after those of all fields `curvatures`, which hold their noise.
        """
        noises = [each.noise for each in self.grid.smooth]
        noises += [1.0] * (len(slopes) - len(noises))
        return bumps.covariance(slopes, self.own, self.order, noises)

    def slopes(self, bumps: Bumps, coefficients: Mapping[Term, float]) -> list[Slopes]:
        """For each field d/du of what stands under each derivative, where `bumps` want it."""
        thin = tuple(slice(None, None, stride) for stride in bumps.strides)
        out: list[Slopes] = [{} for _ in self.grid.raw]
        for term, c in coefficients.items():
            for piece in term.pieces:
                for place, outer, weight in self._differentiate(piece, thin):
                    before = out[place].get(outer, 0.0)
                    out[place][outer] = np.asarray(before + c * piece.weight * weight)
        return out

    def curvatures(
        self, bumps: Bumps, coefficients: Mapping[Term, float], slopes: Sequence[Slopes]
    ) -> list[Slopes]:
        """What products of noise add to that of `slopes`, times the noise.

        A product corrected for its mean is the sum over a of D^a of it times Hermite's polynomials
        of the noises, which are uncorrelated, with the variance a! sigma^(2a). Without those of
        second degree lambda-omega left 1.1 times the noise at 25 % of it.
        """
        thin = tuple(slice(None, None, stride) for stride in bumps.strides)
        noises = [each.noise for each in self.grid.smooth]
        found: dict[Monomial, Slopes] = {}
        for term, c in coefficients.items():
            for piece in term.pieces:
                if not piece.plain:
                    continue
                places = [factor.field for factor in piece.factors]
                for taken, ways, rest in _take_factors(places):
                    scale = c * piece.weight * ways * prod(noises[k] for k in taken)
                    scale /= np.sqrt(prod(factorial(n) for n in Counter(taken).values()))
                    values = self.grid.multiply([Factor(k, self.grid.notation.none) for k in rest])
                    into = found.setdefault(taken, {})
                    into[piece.outer] = into.get(piece.outer, 0.0) + scale * values[thin]
        first: Counter[Orders] = Counter()
        for by, noise in zip(slopes, noises, strict=True):
            first.update({outer: noise**2 * np.mean(each**2) for outer, each in by.items()})
        kept = [
            {o: each for o, each in by.items() if np.mean(each**2) > _NEGLIGIBLE * first[o]}
            for by in found.values()
        ]
        return [by for by in kept if by]

    def _differentiate(
        self, piece: Piece, thin: tuple[slice, ...]
    ) -> list[tuple[int, Orders, Array]]:
        """d piece / d (field), as (field, derivative, what is multiplied before it).

        Of w D^b(e) under D^a, by parts: the sum over g <= b of (-1)^|b - g| binomial(b, g)
        D^(b-g)(w), under D^(a+g).
        """
        found = []
        for factor, count in Counter(piece.factors).items():
            others = list(piece.factors)
            others.remove(factor)
            weight = count * self.grid.multiply(others)
            for inner in product(*(range(b + 1) for b in factor.derivative)):
                left = tuple(b - g for b, g in zip(factor.derivative, inner, strict=True))
                each = weight
                if any(left):
                    each = differentiate(Denoised(weight, 0.0, 0.0), self.grid.axes, left)
                ways = prod(comb(b, g) for b, g in zip(factor.derivative, inner, strict=True))
                outer = tuple(a + g for a, g in zip(piece.outer, inner, strict=True))
                found.append((factor.field, outer, (-1) ** sum(left) * ways * each[thin]))
        return found


def _take_factors(places: Sequence[int]) -> list[tuple[Monomial, int, Monomial]]:
    """Two or more factors of a monomial, in how many ways they can be differentiated, the rest."""
    counts = sorted(Counter(places).items())
    found = []
    for taken in product(*(range(count + 1) for _, count in counts)):
        if sum(taken) > 1:
            ways = prod(perm(count, n) for (_, count), n in zip(counts, taken, strict=True))
            inside = tuple(k for (k, _), n in zip(counts, taken, strict=True) for _ in range(n))
            rest = tuple(
                k for (k, count), n in zip(counts, taken, strict=True) for _ in range(count - n)
            )
            found.append((inside, ways, rest))
    return found
