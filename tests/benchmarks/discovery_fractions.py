"""Rational right-hand sides that nobody names: enzymes, genes, predators.

python tests/benchmarks/discovery_fractions.py --first-seed 100
python tests/benchmarks/discovery_fractions.py --laws michaelis --noise 0.01 --bound

A run has four trajectories of 60 samples each, whose starts depend on the seed. Right means:
exactly the true terms, with the true variables and powers in the denominators. --bound prints the
least standard errors that any unbiased estimate from the same samples can have (Cramer and Rao),
the terms and powers known.
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


def solve(f, t, starts):
    """The states (N, n) from each start."""
    return [
        solve_ivp(lambda t, s: f(*s), (0, t[-1]), start, t_eval=t, method="LSODA", rtol=1e-11,
                  atol=1e-12).y.T
        for start in starts
    ]  # fmt: skip


def trajectories(name, noise, seed, runs=4, samples=60):
    """Pairs (times, states) with noise relative to each state's standard deviation."""
    sides, ranges, end = read_law(name), LAWS[name][1], LAWS[name][2]
    f = sympy.lambdify(SYMBOLS[: len(sides)], sides, "numpy")
    rng = np.random.default_rng(seed)
    t = np.linspace(0, end, samples)
    paths = solve(f, t, [[rng.uniform(*each) for each in ranges] for _ in range(runs)])
    size = np.concatenate(paths).std(0)
    return [(t, x + noise * size * rng.standard_normal(x.shape)) for x in paths]


def bound_errors(name, noise, seed):
    """The least relative standard errors of a law's decimal numbers, the starts unknown too."""
    sides = read_law(name)
    numbers = sorted({a for side in sides for a in side.atoms(sympy.Float)}, key=float)
    symbols = sympy.symbols(f"c:{len(numbers)}", real=True)
    law = [side.subs(dict(zip(numbers, symbols, strict=True))) for side in sides]
    f = sympy.lambdify([*SYMBOLS[: len(sides)], *symbols], law, "numpy")
    exact = trajectories(name, 0.0, seed)
    t, size = exact[0][0], np.concatenate([x for _, x in exact]).std(0)
    theta = np.array([float(a) for a in numbers])
    p = np.concatenate([theta, *(x[0] for _, x in exact)])

    def path(p):
        starts = p[len(theta) :].reshape(len(exact), -1)
        paths = solve(lambda *s: f(*s, *p[: len(theta)]), t, starts)
        return np.concatenate([(x / (noise * size)).ravel() for x in paths])

    steps = 1e-4 * np.maximum(np.abs(p), 0.01)
    rows = [(path(p + h) - path(p - h)) / (2 * np.linalg.norm(h)) for h in np.diag(steps)]
    covariance = np.linalg.inv(np.array(rows) @ np.array(rows).T)
    errors = np.sqrt(np.diagonal(covariance))[: len(theta)] / theta
    return dict(zip(map(str, numbers), errors, strict=True))


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
    parser.add_argument("--bound", action="store_true", help="the least errors instead")
    options = parser.parse_args()
    levels = [float(n) for n in options.noise.split(",")]
    for name, noise in itertools.product(options.laws.split(","), levels):
        if options.bound:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                least = bound_errors(name, noise, seed).items()
                print(name, seed, *(f"{float(a):g}: {e:.1%}" for a, e in least), sep="  ")
            continue
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
