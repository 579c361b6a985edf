"""How many formulas are found: the AI Feynman set, Nguyen 1 to 12, the Strogatz set.

python tests/benchmarks/find_formulas.py feynman --half even
python tests/benchmarks/find_formulas.py feynman --noise 0.01
python tests/benchmarks/find_formulas.py nguyen strogatz

The settings of the search were chosen on the formulas of odd number in the Feynman set (in the
order of the file), Nguyen 1, 3, ... and Strogatz 1, 3, ... (`--half odd`).

Without noise a formula is found if it agrees with the true one to 1e-9 (relative rms) on 1,000
fresh points. Noise is beside the standard deviation of y; with it, a formula is found if its form
is right: with its numbers fitted to fresh points without noise it agrees to 1e-8 there, none of
these numbers vanishes, and it has at most twice as many operations as the true one. As it was
found, its error on fresh points has to be below the noise.
Seconds are of CPU time, on one thread.
"""

import argparse
import os
import signal
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import sympy

from kanpde.symbolic.find import FindOptions, find_formulas
from kanpde.symbolic.found import relative_error
from kanpde.symbolic.numbers import refit

FOLDER = Path(__file__).parent / "formulas"


class TimeIsUpError(Exception):
    pass


def read_formulas(name):
    """Name, formula and ranges of each line."""
    out = []
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            title, formula, ranges = (part.strip() for part in line.split("|"))
            words = [part.split() for part in ranges.split(",")]
            out.append((title, formula, {n: (float(a), float(b)) for n, a, b in words}))
    return out


def draw(formula, ranges, count, rng):
    """The true formula, points (count, V) where it is real, and its values (count,)."""
    symbols = {n: sympy.Symbol(n, real=True) for n in ranges}
    expression = sympy.sympify(formula, locals=symbols)
    truth = sympy.lambdify(list(symbols.values()), expression, "numpy")
    low, high = np.array(list(ranges.values())).T
    x = low + (high - low) * rng.random((4 * count, len(low)))
    with np.errstate(all="ignore"):
        y = np.asarray(truth(*x.T), dtype=float)
    good = np.flatnonzero(np.isfinite(y))[:count]
    return expression, x[good], y[good]


def judge(best, truth, fresh, exact, noise):
    """Whether a formula counts as found, and its error on fresh points."""
    symbols = [sympy.Symbol(n, real=True) for n in fresh[0]]
    error = relative_error(best, fresh[1], exact, symbols)
    if not noise:
        return error < 1e-9, error
    spread = float(np.std(exact))
    fitted = refit(best, symbols, lambda f: (f(*fresh[1].T) - exact) / spread)
    right = relative_error(fitted.formula, fresh[1], exact, symbols) < 1e-8
    whole = all(abs(number) > 1e-6 for number in fitted.values)
    small = sympy.count_ops(best) <= max(2 * sympy.count_ops(truth), 8)
    return bool(right and whole and small and error < noise), error


def find(x, y, names, options):
    """The best formula."""
    noisy = options.noise > 0
    how = FindOptions(seconds=options.seconds, noisy=noisy, clock=time.process_time)
    found = find_formulas(x, y, names, how)
    return found[0].formula if found else sympy.Integer(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--half", choices=("odd", "even", "all"), default="all")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--names", default="")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.sets:
        formulas = read_formulas(name)
        step = {"odd": slice(0, None, 2), "even": slice(1, None, 2), "all": slice(None)}
        chosen = formulas[step[options.half]]
        if options.names:
            chosen = [f for f in formulas if f[0] in options.names.split(",")]
        count = 0
        for title, formula, ranges in chosen:
            rng = np.random.default_rng([options.seed, formulas.index((title, formula, ranges))])
            truth, x, y = draw(formula, ranges, options.samples, rng)
            noisy = y + options.noise * y.std() * rng.standard_normal(len(y))
            _, points, exact = draw(formula, ranges, 1000, rng)
            start = time.process_time()

            def stop(*_):
                raise TimeIsUpError

            signal.signal(signal.SIGVTALRM, stop)
            signal.setitimer(signal.ITIMER_VIRTUAL, 2 * options.seconds)
            try:
                best = find(x, noisy, list(ranges), options)
                good, error = judge(best, truth, (list(ranges), points), exact, options.noise)
            except TimeIsUpError:
                best, good, error = sympy.nan, False, np.inf
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            seconds = time.process_time() - start
            count += good
            print(
                f"{title:12} {'yes' if good else 'no':4} {error:.0e} {seconds:5.1f} s  {best}"[
                    :150
                ],
                flush=True,
            )
        print(
            f"{name} ({options.half}, noise {options.noise:g}): {count} of {len(chosen)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
