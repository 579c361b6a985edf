"""What steers the discovery of ordinary differential equations, with the measured reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchPolicy:
    """How terms are searched for."""

    # Below the first amplitude sin(x) is its Taylor polynomial; above the second it wraps too
    # often.
    wave_amplitudes: tuple[float, float] = (0.3, 100.0)
    # What sin or exp must gain beyond a monomial: 5 % of noise leave sin(x) and x - x^3/6 equal.
    function_price: float = 6.0
    # The duration of the weak form's bumps, in the time scale of the motion.
    bump_duration: float = 4.0
    # Changes of the set of terms at one length of the segments.
    changes: int = 40
    # From so many values on, the first guess that can be integrated is good enough to start from.
    many_values: int = 500
    # Segments do not grow where a change of the start grows by this factor: the motion is chaotic.
    chaotic_growth: float = 300.0
    # Steps of one integration that are still quick.
    longest: int = 700
    # Steps of integration, over all candidates, after which the best so far is the answer; about
    # half a minute. Of noise alone every candidate may be stiff, at hundreds of steps for each of
    # up to 30 iterations. Lorenz with 5 % of noise takes 4537, a random walk of 61 samples 10254.
    effort: int = 20_000


@dataclass(frozen=True)
class FractionPolicy:
    """Which fractions, y x^q / (K^p + x^p), are tried as terms."""

    # Equations of fewer terms are taken as they are; of one less, fractions are looked for where
    # the data are not explained, or a constant stands beside a curve of one variable: the scan
    # would cost Lorenz's and van der Pol's equations a quarter of their time.
    doubtful: int = 4
    # The plain terms beside fractions: monomials up to this degree.
    degree: int = 2
    # The first powers; the neighbours of the best follow, up to the highest.
    powers: tuple[int, ...] = (1, 2, 4, 8)
    highest: int = 12
    # K^sqrt(p) in units of the largest |x|: how many, from the least to the greatest. Far outside
    # of the data's range a fraction is a monomial.
    places: int = 10
    least: float = 0.01
    greatest: float = 3.0
    # K is refined where the criterion is at most this much per sample above that of the terms of
    # the library, up to this precision of log K.
    refined: float = 0.5
    precision: float = 1e-3
    # The least denominator, relative to K^p, at all points of a curve.
    positive: float = 0.3
    # Terms of one equation, and sets of each size that go on.
    terms: int = 5
    beam: int = 40
    # Relative to the square of the samples: what a spline through exact samples leaves.
    floor: float = 1e-14
    # What a fraction must gain beyond a monomial, and by how much a fraction may be worse than the
    # terms so far in integral form along their own curve.
    price: float = 4.0
    margin: float = 10.0
    # How many second choices are shot too, and within which distance of the first.
    seconds: int = 3
    near: float = 30.0
    # Intervals of the segments in which laws that diverge are fitted first.
    intervals: int = 8
    # Steps of integration of one fit: what is stiff is not worth more.
    effort: float = 5_000
    # Below this misfit, relative to the states, data are exact.
    exact: float = 1e-5
    # Each scan is along the curves of the last fit, which have less noise.
    rounds: int = 3


@dataclass(frozen=True)
class ShootingPolicy:
    """When the steps of multiple shooting end."""

    steps: int = 30
    # The least relative gain of a step, and how many in a row may have less.
    gain: float = 1e-5
    patience: int = 2
    # Half the mean square misfit, in units of the noise, below which more fitting tells nothing.
    floor: float = 0.005
    # Steps of integration along one segment, over all iterations.
    effort: float = float("inf")
