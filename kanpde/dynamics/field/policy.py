"""What steers the discovery of partial differential equations, with the measured reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BumpPolicy:
    """How the bumps of the weak form cover a grid."""

    # Bumps along each direction, and their half width in units of rms(u) / rms(u_x).
    count: int = 24
    width: float = 3.0
    # The widths that choose terms, in units of that. Kuramoto-Sivashinsky has false terms at 1 with
    # 10 % of noise, and is right to 0.8 % at 2 with 25 %. Narrower ones took in a false u_xxxx
    # in five of ten equations with 25 %.
    choosing: tuple[float, ...] = (1.0, 2.0)
    # A further one gives coefficients alone: of Allen-Cahn, with its steep fronts.
    narrow: float = 0.5
    # The least half width, in samples.
    least: int = 6
    # The bump is (1 - z^2)^power.
    power: int = 9
    # Bumps of all directions together: their covariance is a dense matrix of as many rows.
    most: int = 1200
    # Samples per half width that suffice for sums of squares of bumps.
    fine: int = 8


@dataclass(frozen=True)
class DerivativePolicy:
    """How factors with derivatives are made of samples: local polynomials on smoothed fields."""

    # The degree of the polynomials, and their half widths in samples, from exact data to noise.
    degree: int = 8
    halves: tuple[int, ...] = (4, 5, 6, 8, 10, 12, 16, 20)
    # The noise that a derivative may keep, beside its own size.
    noise: float = 0.03


@dataclass(frozen=True)
class JudgementPolicy:
    """When what an equation leaves is noise: by its chi square, in standard deviations."""

    # Widths beyond this are too narrow for the samples, if others are not.
    useful: float = 3.0
    # Beyond this the law is outside of the library. Right laws with noise: at most 2.
    limit: float = 5.0
    # What leaving out every other sample may change beside what is left, or else the grid is too
    # coarse to tell: 9 for the Brusselator's first transient at 31 times and 1 along x, 1.4 where
    # noise is all that is left.
    coarse: float = 3.0
    # The share of the derivative in time that integrals on a grid leave of exact samples of a
    # right law: at most 2e-6.
    exact: float = 1e-4
    # What a term must explain at least: on coarse grids they leave up to 1e-5 of a right law.
    rounding: float = 3e-5


@dataclass(frozen=True)
class ScatteredPolicy:
    """How a surface and its equation are fitted together."""

    # How large the equation's residual may be beside u_t, from loose to strict.
    strictness: tuple[float, ...] = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    # From here on exact samples are given no more terms.
    closed: float = 0.03
    # What the score of cross validation may rise while the equation is asked for more strictly.
    patience: float = 0.01
    # The share of the first surface's roughness penalty that stays, at strictness 1: for what
    # neither samples nor averages over cells see.
    smoothing: float = 0.1
    # Relative to the deviation of u: what the surface itself may be off, also where samples are
    # exact.
    floor: float = 1e-3
    # The first guess is made on a grid of this many points each way.
    grid: int = 96
    # Gauss-Newton steps of one fit, and changes of the terms at one strictness.
    steps: int = 12
    changes: int = 12


@dataclass(frozen=True)
class RolloutPolicy:
    """How equations are solved from the first samples on."""

    # Numbers times evaluations, at most: about 20 s.
    work: float = 5e7
    # What twice the steps may change at the last time, beside the deviation there.
    settled: float = 2e-3
    # With fewer numbers than this the method of lines takes implicit steps.
    dense: int = 600


@dataclass(frozen=True)
class RefinePolicy:
    """How solutions of an equation are fitted to samples on a ring."""

    # Where the weak form knows all coefficients better than this, it is enough. Of Allen-Cahn with
    # 25 % of noise, of 201 x 256 samples, it left out u_xx for one seed of three, with 10 % for
    # the others.
    sure: float = 0.02
    # The most modes of the start on each side; these stand out where their power is so many times
    # that of the noise which smoothing leaves.
    modes: int = 40
    clear: float = 6.0
    # Steps from one sample in time to the next.
    substeps: int = 1
    # Relative steps of differences.
    step: float = 1e-4
    # Gauss-Newton steps, halvings of one, and the gain in -2 log likelihood that ends them.
    steps: int = 8
    halvings: int = 5
    settled: float = 0.5
    # Changes of the terms, and how many are tried each time.
    changes: int = 6
    tries: int = 2
    # The mean square misfit, in units of the noise, up to which a solution follows the samples: so
    # much above 1, as the noise is only estimated, and so many standard deviations.
    near: float = 0.03
    deviations: float = 5.0
    # Numbers of all derivatives of a solution: 1 GB.
    largest: float = 1.2e7


@dataclass(frozen=True)
class SourcePolicy:
    """Which formulas of a source are tried."""

    # Functions that are suggested, with the best of their variants.
    shapes: int = 5
    # What sin or exp must gain beyond a polynomial with as many numbers.
    function_price: float = 6.0
