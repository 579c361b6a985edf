"""Closed forms from tables: the dimensionless Feynman formulas of Liu et al. (2024), table 3.

python tests/benchmarks/discovery_feynman.py
python tests/benchmarks/discovery_feynman.py --others
python tests/benchmarks/discovery_feynman.py --others --network    # what `kanpde fit` does

The library was extended in view of that table; `--others` are ten dimensionless forms of further
formulas of the Feynman lectures, chosen before they were tried once.

Each formula is sampled at 500 points; it counts as recovered if what is found agrees with it to
1e-6 (relative rms) on 500 others.
"""

import argparse
import time

import numpy as np
import sympy

from kanpde.symbolic.compose import compose
from kanpde.symbolic.search import search

# Name, formula, ranges of its variables.
FORMULAS = {
    "I.6.2": (
        "exp(-theta**2/(2*sigma**2))/sqrt(2*pi*sigma**2)",
        {"theta": (1, 3), "sigma": (1, 3)},
    ),
    "I.6.2b": (
        "exp(-(theta-theta1)**2/(2*sigma**2))/sqrt(2*pi*sigma**2)",
        {"theta": (1, 3), "theta1": (1, 3), "sigma": (1, 3)},
    ),
    "I.9.18": (
        "a/((b-1)**2+(c-d)**2+(e-f)**2)",
        {"a": (1, 2), "b": (2, 3), "c": (3, 4), "d": (1, 2), "e": (3, 4), "f": (1, 2)},
    ),
    "I.12.11": ("1+a*sin(theta)", {"a": (1, 3), "theta": (1, 3)}),
    "I.13.12": ("a*(1/b-1)", {"a": (1, 3), "b": (1, 3)}),
    "I.15.3x": ("(1-a)/sqrt(1-b**2)", {"a": (0, 0.5), "b": (0.1, 0.9)}),
    "I.16.6": ("(a+b)/(1+a*b)", {"a": (0.1, 1), "b": (0.1, 1)}),
    "I.18.4": ("(1+a*b)/(1+a)", {"a": (1, 3), "b": (1, 3)}),
    "I.26.2": ("asin(n*sin(theta2))", {"n": (0.1, 0.9), "theta2": (0.2, 1.4)}),
    "I.27.6": ("1/(1+a*b)", {"a": (1, 3), "b": (1, 3)}),
    "I.29.16": (
        "sqrt(1+a**2-2*a*cos(theta1-theta2))",
        {"a": (1, 3), "theta1": (1, 3), "theta2": (1, 3)},
    ),
    "I.30.3": ("sin(n*theta/2)**2/sin(theta/2)**2", {"n": (1, 3), "theta": (1, 3)}),
    "I.30.5": ("asin(a/n)", {"a": (0.1, 0.9), "n": (1, 3)}),
    "I.37.4": ("1+a+2*sqrt(a)*cos(delta)", {"a": (1, 3), "delta": (1, 3)}),
    "I.40.1": ("n0*exp(-a)", {"n0": (1, 3), "a": (1, 3)}),
    "I.44.4": ("n*log(a)", {"n": (1, 3), "a": (1, 3)}),
    "I.50.26": ("cos(a)+alpha*cos(a)**2", {"a": (1, 3), "alpha": (1, 3)}),
    "II.2.42": ("(a-1)*b", {"a": (1, 3), "b": (1, 3)}),
    "II.6.15a": ("c*sqrt(a**2+b**2)/(4*pi)", {"a": (1, 3), "b": (1, 3), "c": (1, 3)}),
    "II.11.7": ("n0*(1+a*cos(theta))", {"n0": (1, 3), "a": (1, 3), "theta": (1, 3)}),
    "II.11.27": ("n*alpha/(1-n*alpha/3)", {"n": (0.1, 1), "alpha": (0.1, 1)}),
    "II.35.18": ("n0/(exp(a)+exp(-a))", {"n0": (1, 3), "a": (1, 3)}),
    "II.36.38": ("a+alpha*b", {"a": (1, 3), "alpha": (1, 3), "b": (1, 3)}),
    "II.38.3": ("a/b", {"a": (1, 3), "b": (1, 3)}),
    "III.9.52": ("a*sin((b-c)/2)**2/((b-c)/2)**2", {"a": (1, 3), "b": (3, 5), "c": (1, 2)}),
    "III.10.19": ("sqrt(1+a**2+b**2)", {"a": (1, 3), "b": (1, 3)}),
    "III.17.37": ("beta*(1+alpha*cos(theta))", {"alpha": (1, 3), "beta": (1, 3), "theta": (1, 3)}),
}

OTHERS = {
    "I.10.7": ("a/sqrt(1-b**2)", {"a": (1, 3), "b": (0.1, 0.9)}),
    "I.12.2": ("a*b/c**2", {"a": (1, 3), "b": (1, 3), "c": (1, 3)}),
    "I.24.6": ("a*(b**2+c**2)*d**2/4", dict.fromkeys("abcd", (1, 3))),
    "I.32.17": ("a**2*b**4/(b**2-1)**2", {"a": (1, 3), "b": (2, 4)}),
    "I.34.14": ("(1+b)/sqrt(1-b**2)*a", {"a": (1, 3), "b": (0.1, 0.9)}),
    "I.41.16": ("a**3/(exp(a*b)-1)", {"a": (1, 3), "b": (1, 3)}),
    "I.48.2": ("a/sqrt(1-b**2/c**2)", {"a": (1, 3), "b": (1, 2), "c": (3, 5)}),
    "II.6.11": ("a*cos(b)/c**2", {"a": (1, 3), "b": (0, 3), "c": (1, 3)}),
    "II.24.17": ("sqrt(a**2-b**2)", {"a": (3, 5), "b": (1, 2)}),
    "III.4.33": ("a/(exp(a/b)-1)", {"a": (1, 3), "b": (1, 3)}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--network", action="store_true", help="a sparse network if all else fails")
    options = parser.parse_args()
    formulas = OTHERS if options.others else FORMULAS
    rng = np.random.default_rng(0)
    recovered = 0
    for name, (text, ranges) in formulas.items():
        symbols = {n: sympy.Symbol(n, real=True) for n in ranges}
        truth = sympy.lambdify(list(symbols.values()), sympy.sympify(text, locals=symbols), "numpy")
        low, high = np.array(list(ranges.values()), dtype=float).T
        x, fresh = (low + (high - low) * rng.random((500, len(low))) for _ in range(2))
        start = time.process_time()
        best = search(x, truth(*x.T), list(ranges))[0]
        if options.network and best.error > 1e-7:
            other = compose(x, truth(*x.T), list(ranges))
            best = other if other is not None and other.error < best.error else best
        seconds = time.process_time() - start
        there = sympy.lambdify(list(symbols.values()), best.formula, "numpy")(*fresh.T)
        exact = truth(*fresh.T)
        error = np.sqrt(np.mean((there - exact) ** 2)) / np.std(exact)
        recovered += bool(error < 1e-6)
        print(
            f"{name:10} {'yes' if error < 1e-6 else 'no':4} {error:.0e} {seconds:5.1f} s  "
            f"{best.formula}",
            flush=True,
        )
    print(f"{recovered} of {len(formulas)}")


if __name__ == "__main__":
    main()
