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
