"""Lotka-Volterra (1.5, 1, 1, 3) from 35 noisy points, t <= 3.5: the terms and their coefficients.

python tests/benchmarks/discovery_short.py --first-seed 10
"""

import argparse

import numpy as np
from scipy.integrate import solve_ivp

import kanpde

TRUE = {("x", "x"): 1.5, ("x", "x*y"): -1.0, ("y", "y"): -3.0, ("y", "x*y"): 1.0}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    t = np.linspace(0, 3.4, 35)
    exact = solve_ivp(
        lambda t, s: [1.5 * s[0] - s[0] * s[1], s[0] * s[1] - 3 * s[1]],
        (0, 3.4), [1, 1], t_eval=t, rtol=1e-11, atol=1e-11,
    ).y.T  # fmt: skip
    for degree in (2, 3):
        for noise in (0.0, 0.05, 0.1):
            errors = []
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                rough = np.random.default_rng(seed).standard_normal(exact.shape)
                x = exact + noise * exact.std(0) * rough
                found = kanpde.discover((t, x), degree=degree, holdout=0)
                told = {(e.state, str(e.term)): e.value for e in found.estimates}
                if set(told) == set(TRUE):
                    errors.append(max(abs(told[k] / v - 1) for k, v in TRUE.items()))
                else:
                    print("   ", degree, noise, seed, found.text().replace("\n", "; "), flush=True)
            middle, worst = (np.median(errors), max(errors)) if errors else (np.nan, np.nan)
            print(
                f"degree {degree}  noise {noise:4.0%}  right terms {len(errors)}/{options.seeds}  "
                f"largest error of a coefficient: median {middle:.2%}, worst {worst:.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
