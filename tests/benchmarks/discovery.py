"""Exact sets of terms: kanpde.discover beside PySINDy on the same noisy trajectories.

python tests/benchmarks/discovery.py --first-seed 10
python tests/benchmarks/discovery.py --first-seed 10 --pysindy weak   # where PySINDy is installed

Both see the same library: monomials up to degree 3, and sin and cos of each state.
"""

import argparse
import itertools
import time

import numpy as np
from scipy.integrate import solve_ivp

SYSTEMS = {
    "lorenz": (
        lambda t, s: [
            10 * (s[1] - s[0]),
            s[0] * (28 - s[2]) - s[1],
            s[0] * s[1] - 8 / 3 * s[2],
        ],
        (-8.0, 8.0, 27.0), 10.0, 1000,
        ({"x": -10, "y": 10}, {"x": 28, "y": -1, "x*z": -1}, {"x*y": 1, "z": -8 / 3}),
    ),
    "van_der_pol": (
        lambda t, s: [s[1], 2 * (1 - s[0] ** 2) * s[1] - s[0]],
        (2.0, 0.0), 20.0, 1000,
        ({"y": 1}, {"y": 2, "x**2*y": -2, "x": -1}),
    ),
    "duffing": (
        lambda t, s: [s[1], -0.1 * s[1] + s[0] - s[0] ** 3],
        (1.5, 0.0), 30.0, 1000,
        ({"y": 1}, {"y": -0.1, "x": 1, "x**3": -1}),
    ),
    "roessler": (
        lambda t, s: [-s[1] - s[2], s[0] + 0.2 * s[1], 0.2 + s[2] * (s[0] - 5.7)],
        (-5.0, -5.0, 1.0), 50.0, 1666,
        ({"y": -1, "z": -1}, {"x": 1, "y": 0.2}, {"1": 0.2, "x*z": 1, "z": -5.7}),
    ),
    "pendulum": (
        lambda t, s: [s[1], -np.sin(s[0]) - 0.1 * s[1]],
        (2.8, 0.0), 30.0, 1000,
        ({"y": 1}, {"sin(x)": -1, "y": -0.1}),
    ),
    "lotka_volterra": (
        lambda t, s: [1.5 * s[0] - s[0] * s[1], s[0] * s[1] - 3 * s[1]],
        (1.0, 1.0), 12.0, 1000,
        ({"x": 1.5, "x*y": -1}, {"x*y": 1, "y": -3}),
    ),
    "epidemic": (
        lambda t, s: [-2 * s[0] * s[1], 2 * s[0] * s[1] - 0.5 * s[1]],
        (0.99, 0.01), 15.0, 1000,
        ({"x*y": -2}, {"x*y": 2, "y": -0.5}),
    ),
    "fitzhugh_nagumo": (
        lambda t, s: [
            s[0] - s[0] ** 3 / 3 - s[1] + 0.5,
            0.08 * (s[0] + 0.7 - 0.8 * s[1]),
        ],
        (0.0, 0.0), 100.0, 1000,
        ({"1": 0.5, "x": 1, "x**3": -1 / 3, "y": -1}, {"1": 0.056, "x": 0.08, "y": -0.064}),
    ),
    "oscillator": (
        lambda t, s: [s[1], -s[0] - 0.2 * s[1]],
        (2.0, 0.0), 20.0, 1000,
        ({"y": 1}, {"x": -1, "y": -0.2}),
    ),
}  # fmt: skip


def trajectory(name, noise, seed):
    """Times (N,) and states (N, n) with noise relative to each state's standard deviation."""
    f, start, end, steps, _ = SYSTEMS[name]
    t = np.linspace(0, end, steps + 1)
    x = solve_ivp(f, (0, end), start, t_eval=t, method="DOP853", rtol=1e-12, atol=1e-12).y.T
    rng = np.random.default_rng(seed)
    return t, x + noise * x.std(0) * rng.standard_normal(x.shape)


def with_kanpde(t, x):
    """The coefficients of each right-hand side, and their standard errors."""
    import kanpde

    sides, errors = [{} for _ in x.T], [{} for _ in x.T]
    try:
        found = kanpde.discover((t, x))
    except kanpde.KanpdeError as error:
        print("   ", error)
        return sides, errors
    for e in found.estimates:
        place = found.states.index(e.state)
        sides[place][str(e.term)], errors[place][str(e.term)] = e.value, e.error
    return sides, errors


def with_pysindy(way, t, x, seed, truth):
    """What PySINDy chooses, and whether one of its thresholds gives the exact terms."""
    from discovery_pysindy import models

    scanned = list(models(way, t, x, seed))
    hindsight = any(same_terms(sides, truth) for _, sides in scanned)
    return min(scanned, key=lambda m: m[0])[1], hindsight


def measure_errors(sides, spreads, truth):
    """The relative error of each coefficient of right terms, and whether its interval holds it."""
    pairs = [
        (abs(side[k] / v - 1), abs(side[k] - v) <= 1.96 * spread[k])
        for side, spread, law in zip(sides, spreads, truth, strict=True)
        for k, v in law.items()
    ]
    return zip(*pairs, strict=True)


def same_terms(sides, truth):
    return [set(s) for s in sides] == [set(s) for s in truth]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0, help="0 to 9 were used in tuning")
    parser.add_argument("--noise", default="0,0.01,0.05")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--pysindy", choices=("smooth", "ensemble", "weak"))
    options = parser.parse_args()
    levels = [float(n) for n in options.noise.split(",")]
    for name, noise in itertools.product(options.systems.split(","), levels):
        truth = SYSTEMS[name][4]
        exact, possible, worst, held, start = 0, 0, 0.0, [], time.process_time()
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            t, x = trajectory(name, noise, seed)
            if options.pysindy:
                sides, hindsight = with_pysindy(options.pysindy, t, x, seed, truth)
                possible += hindsight
            else:
                sides, spreads = with_kanpde(t, x)
            right = same_terms(sides, truth)
            exact += right
            if right and not options.pysindy:
                errors, inside = measure_errors(sides, spreads, truth)
                worst, held = max(worst, *errors), [*held, *inside]
            elif not options.pysindy:
                print("   ", name, noise, seed, [sorted(s) for s in sides], flush=True)
        seconds = (time.process_time() - start) / options.seeds
        told = (
            f"  with a threshold by hindsight {possible}"
            if options.pysindy
            else f"  {sum(held)} of {len(held)} intervals hold the truth"
        )
        print(
            f"{name:12} noise {noise:4.0%}  exact {exact}/{options.seeds}  worst coefficient "
            f"{worst:.2%}  {seconds:.1f} s{told}",
            flush=True,
        )


if __name__ == "__main__":
    main()
