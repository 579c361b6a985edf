"""Rational right-hand sides that nobody names: enzymes, genes, predators.

python tests/benchmarks/discovery_fractions.py --first-seed 100

A run has four trajectories of 60 samples each, whose starts depend on the seed. Right means:
exactly the true terms, with the true variables and powers in the denominators.
"""

import argparse
import itertools
import time

import numpy as np
import sympy
from scipy.integrate import solve_ivp

# Right-hand sides, ranges of the starts, the final time.
LAWS = {
    "michaelis": (["0.6 - 1.5*x/(0.3 + x)"], [(0.02, 3.0)], 5.0),
    "chain": (["-1.2*x/(0.5 + x)", "1.2*x/(0.5 + x) - 0.4*y"], [(1.0, 3.0), (0.0, 1.0)], 6.0),
    "hill": (["0.1 + 2*y**2/(1 + y**2) - x", "x - 0.7*y"], [(0.0, 3.0), (0.0, 3.0)], 10.0),
    "toggle": (["3/(1 + y**2) - x", "2.5/(1 + x**2) - y"], [(0.0, 3.0), (0.0, 3.0)], 8.0),
    "goodwin": (
        ["4/(1 + z**4) - 0.5*x", "x - 0.5*y", "y - 0.5*z"],
        [(0.0, 2.0), (0.0, 2.0), (0.0, 3.0)], 12.0,
    ),
    "oscillator": (
        ["2/(1 + z**10) - 0.3*x", "x - 0.3*y", "y - 0.3*z"],
        [(0.0, 0.5), (0.0, 1.5), (0.0, 3.0)], 30.0,
    ),
    "predator": (
        ["x*(1 - x/4) - x*y/(0.8 + x)", "x*y/(0.8 + x) - 0.4*y"],
        [(0.5, 3.0), (0.3, 2.0)], 20.0,
    ),
}  # fmt: skip
SYMBOLS = sympy.symbols("x y z", real=True)


def read_law(name):
    """Right-hand sides as expressions."""
    names = {str(s): s for s in SYMBOLS}
    return [sympy.sympify(side, locals=names) for side in LAWS[name][0]]


def trajectories(name, noise, seed, runs=4, samples=60):
    """Pairs (times, states) with noise relative to each state's standard deviation."""
    sides, ranges, end = read_law(name), LAWS[name][1], LAWS[name][2]
    f = sympy.lambdify(SYMBOLS[: len(sides)], sides, "numpy")
    rng = np.random.default_rng(seed)
    t = np.linspace(0, end, samples)
    paths = []
    for _ in range(runs):
        start = [rng.uniform(*each) for each in ranges]
        run = solve_ivp(lambda t, s: f(*s), (0, end), start, t_eval=t, method="LSODA", rtol=1e-11,
                        atol=1e-12)  # fmt: skip
        paths.append(run.y.T)
    size = np.concatenate(paths).std(0)
    return [(t, x + noise * size * rng.standard_normal(x.shape)) for x in paths]


def measure_error(sides, found):
    """The largest relative error of a coefficient, fractions reduced; None for other terms."""
    worst = 0.0
    if not all(side.is_rational_function(*SYMBOLS) for side in found):
        return None
    for side, other in zip(sides, found, strict=True):
        pairs = []
        for each in (side, other):
            above, below = sympy.fraction(sympy.cancel(sympy.nsimplify(each)))
            above, below = (sympy.Poly(part, *SYMBOLS) for part in (above, below))
            lead = below.LC()
            pairs.append([{k: float(v / lead) for k, v in p.terms()} for p in (above, below)])
        for true, seen in zip(*pairs, strict=True):
            if set(true) != set(seen):
                return None
            worst = max(worst, *(abs(seen[k] / v - 1) for k, v in true.items()))
    return worst


def main():
    import kanpde

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0, help="0 to 9 were used in tuning")
    parser.add_argument("--noise", default="0,0.01,0.05")
    parser.add_argument("--laws", default=",".join(LAWS))
    options = parser.parse_args()
    levels = [float(n) for n in options.noise.split(",")]
    for name, noise in itertools.product(options.laws.split(","), levels):
        right, errors, start = 0, [], time.process_time()
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            found = kanpde.discover(trajectories(name, noise, seed))
            equations = [found.equations[s] for s in found.states]
            names = {s: SYMBOLS[k] for k, s in enumerate(found.states)}
            equations = [e.subs({sympy.Symbol(k, real=True): v for k, v in names.items()})
                         for e in equations]  # fmt: skip
            error = measure_error(read_law(name), equations)
            if error is None:
                print("   ", name, noise, seed, found.judgement.agreement, found.text(), flush=True)
            else:
                right += 1
                errors.append(error)
        seconds = (time.process_time() - start) / options.seeds
        print(
            f"{name:12} noise {noise:4.0%}  right {right}/{options.seeds}  worst coefficient: "
            f"median {np.median(errors) if errors else np.nan:.2%}, largest "
            f"{max(errors, default=np.nan):.2%}  {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
