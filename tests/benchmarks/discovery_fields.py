"""Equations of fields with 0, 10 and 25 % noise; the data come from Fourier modes and ETDRK4.

python tests/benchmarks/discovery_fields.py --first-seed 20
python tests/benchmarks/discovery_fields.py --source     # the diffusion is known, the source is not
"""

import argparse
import time
from functools import cache

import numpy as np
import sympy

from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.field.discover import discover_field
from kanpde.dynamics.field.source import discover_source
from kanpde.reference.etdrk4 import march

# Name: half length, times, coefficients by (power, derivative), order in time, initial value.
EQUATIONS = {
    "kdv": (
        10.0,
        3.0,
        {(1, 3): -1.0, (2, 1): -3.0},
        1,
        lambda x: 2 / np.cosh(x + 4) ** 2 + 1 / np.cosh((x - 2) / 2**0.5) ** 2,
    ),
    "convection-diffusion": (
        np.pi,
        2.0,
        {(1, 1): -1.0, (1, 2): 0.25},
        1,
        lambda x: np.exp(np.sin(x)) + 0.5 * np.cos(3 * x),
    ),
    "chaffee-infante": (
        np.pi,
        1.0,
        {(1, 2): 1.0, (1, 0): 1.0, (3, 0): -1.0},
        1,
        lambda x: 2 * np.sin(x) + 1.5 * np.cos(2 * x) + 0.5,
    ),
    "allen-cahn": (
        1.0,
        1.0,
        {(1, 2): 0.003, (1, 0): 5.0, (3, 0): -5.0},
        1,
        lambda x: 0.8 * np.sin(np.pi * x) + 0.4 * np.cos(2 * np.pi * x),
    ),
    "klein-gordon": (
        np.pi,
        6.0,
        {(1, 2): 0.5, (1, 0): -1.0, (3, 0): -1.0},
        2,
        lambda x: np.sin(x) + 0.7 * np.cos(2 * x),
    ),
    "kuramoto-sivashinsky": (
        16 * np.pi,
        100.0,
        {(1, 4): -1.0, (1, 2): -1.0, (2, 1): -0.5},
        1,
        lambda x: np.cos(x / 16) * (1 + np.sin(x / 16)),
    ),
    "burgers": (
        8.0,
        10.0,
        {(1, 2): 0.1, (2, 1): -0.5},
        1,
        lambda x: np.exp(-((x + 2) ** 2)),
    ),
    "kdv-burgers": (
        10.0,
        3.0,
        {(1, 3): -1.0, (2, 1): -3.0, (1, 2): 0.3},
        1,
        lambda x: 2 / np.cosh(x + 4) ** 2 + 1 / np.cosh((x - 2) / 2**0.5) ** 2,
    ),
    "fisher": (
        np.pi,
        2.0,
        {(1, 2): 0.2, (1, 0): 1.0, (2, 0): -1.0},
        1,
        lambda x: 0.3 + 0.25 * np.sin(x) + 0.2 * np.cos(3 * x),
    ),
    "cahn-hilliard": (
        np.pi,
        0.3,
        {(1, 4): -0.01, (1, 2): -0.25, (3, 2): 0.25},
        1,
        lambda x: 0.5 * np.sin(3 * x) + 0.2 * np.cos(5 * x) + 0.1,
    ),
}
SOURCES = {
    "allen-cahn": EQUATIONS["allen-cahn"],
    "fisher-kpp": (
        np.pi,
        2.0,
        {(1, 2): 0.2, (1, 0): 1.0, (2, 0): -1.0},
        1,
        lambda x: 0.3 + 0.25 * np.sin(x) + 0.2 * np.cos(3 * x),
    ),
}
NX, NT = 256, 200


@cache
def exact(name):
    """u (NT + 1, NX), x, t: exact to about 1e-9."""
    half, end, terms, order, start = (EQUATIONS | SOURCES)[name]
    x = -half + 2 * half * np.arange(NX) / NX
    k = np.fft.rfftfreq(NX, 1 / NX) * np.pi / half
    keep = k < 0.6 * k.max()
    t = np.linspace(0, end, NT + 1)
    linear = sum(c * (1j * k) ** j for (m, j), c in terms.items() if m == 1)

    def rest(u):
        return sum(
            (c * (1j * k) ** j * np.fft.rfft(u**m) for (m, j), c in terms.items() if m > 1),
            0 * k,
        )

    v = np.fft.rfft(start(x))
    if order == 1:
        path = march(
            linear + 0j, lambda s, w: keep * rest(np.fft.irfft(w, NX)), v, (0, end), NT * 20, 20
        )
        u = np.array([np.fft.irfft(w, NX) for w in path])
    else:
        omega = np.sqrt(-linear.real)

        # w = u_t + i omega u: both first-order halves in one complex unknown for each mode.
        def remainder(s, w):
            plus, minus = w[: len(k)], w[len(k) :]
            f = keep * rest(np.fft.irfft((plus - minus) / (2j * omega), NX))
            return np.concatenate([f, f])

        w = np.concatenate([1j * omega * v, -1j * omega * v])
        path = march(np.concatenate([1j * omega, -1j * omega]), remainder, w, (0, end), NT * 20, 20)
        u = np.array([np.fft.irfft((p[: len(k)] - p[len(k) :]) / (2j * omega), NX) for p in path])
    return u, x, t


def field(name, seed=0, noise=0.0):
    """The exact field with noise relative to the deviation of u."""
    u, x, t = exact(name)
    rng = np.random.default_rng(seed)
    return u + noise * u.std() * rng.standard_normal(u.shape), x, t


def sources(first, seeds):
    for name, (*_, truth, order, _) in SOURCES.items():
        known = {(1, 2): truth[(1, 2)]}
        wanted = {m: c for (m, j), c in truth.items() if j == 0}
        for noise in (0.0, 0.05, 0.1):
            right, worst, network, inside = 0, 0.0, 0.0, []
            for seed in range(first, first + seeds) if noise else (first,):
                found = discover_source(*field(name, seed, noise), known, order=order)
                told = sympy.Poly(found.formula, sympy.Symbol("u", real=True)).as_dict()
                told = {m: float(c) for (m,), c in told.items()}
                u = np.linspace(found.low, found.high, 201)
                exact = sum(c * u**m for m, c in wanted.items())
                off = found(u) - exact
                network = max(network, np.linalg.norm(off) / np.linalg.norm(exact))
                inside.append(np.mean(np.abs(off) <= 1.96 * found.error(u)))
                if set(told) == set(wanted):
                    right += 1
                    worst = max(worst, *(abs(told[m] / c - 1) for m, c in wanted.items()))
                else:
                    print("   ", found.formula)
            print(
                f"{name:12} noise {noise:4.0%}  right formula {right}/{len(inside)}, worst "
                f"coefficient {worst:.1e}; network: worst relative error {network:.1e}, "
                f"{np.mean(inside):.0%} of it within its 95 % interval",
                flush=True,
            )


def measure(name, noise, seeds, samples):
    """How often the terms are right on `samples(name, seed, noise)`, and the worst coefficient."""
    truth, order = EQUATIONS[name][2:4]
    right, worst, inside, start = 0, 0.0, [], time.process_time()
    for seed in seeds:
        found = discover_field(*samples(name, seed, noise), order=order)
        told = found.coefficients()
        if set(told) == set(truth):
            right += 1
            worst = max(worst, *(abs(told[k] / truth[k] - 1) for k in truth))
            errors = {term.pair: e for term, e in zip(found.terms, found.errors, strict=True)}
            inside += [abs(told[k] - truth[k]) < 1.96 * errors[k] for k in truth]
        else:
            print("   ", found.text())
        if found.judgement.agreement is Agreement.OUTSIDE:
            print("    outside:", found.judgement.sentence)
    seconds = (time.process_time() - start) / len(seeds)
    return (
        f"right terms {right}/{len(seeds)}  worst coefficient {worst:.2%}, "
        f"{np.mean(inside or [0]):.0%} inside of their intervals  {seconds:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--names", default=",".join(EQUATIONS))
    parser.add_argument("--noise", default="0,0.1,0.25")
    parser.add_argument("--source", action="store_true")
    options = parser.parse_args()
    if options.source:
        sources(options.first_seed, options.seeds)
        return
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for name in options.names.split(","):
        for noise in map(float, options.noise.split(",")):
            print(f"{name:22} noise {noise:4.0%}  {measure(name, noise, seeds, field)}", flush=True)


if __name__ == "__main__":
    main()
