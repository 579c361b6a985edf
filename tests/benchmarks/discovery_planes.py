"""Equations of fields of two dimensions with 0, 5, 10 and 25 % noise; data by Fourier and ETDRK4.

python tests/benchmarks/discovery_planes.py --first-seed 20
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.field.discover import discover_fields
from kanpde.reference.etdrk4 import march

Laws = dict[str, dict[str, float]]


@dataclass(frozen=True)
class System:
    """Fields on a periodic square of length `side`, from waves of the numbers up to `waves`."""

    side: float
    end: float
    laws: Laws
    linear: tuple[float, ...]
    rest: Callable
    waves: int
    sizes: tuple[float, ...]
    means: tuple[float, ...]
    inputs: Callable | None = None


def rotate(u, v):
    """Lambda-omega: (1 - A^2) (u, v) + A^2 (v, -u), A^2 = u^2 + v^2."""
    square = u**2 + v**2
    return u - square * u + square * v, v - square * v - square * u


def brusselator(u, v):
    return 1 - 4 * u + u**2 * v, 3 * u - u**2 * v


def gray_scott(u, v):
    return 0.04 * (1 - u) - u * v**2, u * v**2 - 0.1 * v


SYSTEMS = {
    "lambda-omega": System(
        20.0, 10.0,
        {
            "u": {
                "lap(u)": 0.1, "u": 1, "u^3": -1, "u v^2": -1, "u^2 v": 1, "v^3": 1,
            },
            "v": {
                "lap(v)": 0.1, "v": 1, "v^3": -1, "u^2 v": -1, "u v^2": -1, "u^3": -1,
            },
        },
        (0.1, 0.1), rotate, 3, (0.7, 0.7), (0.0, 0.0),
    ),
    "brusselator": System(
        20.0, 10.0,
        {
            "u": {"lap(u)": 0.1, "": 1, "u": -4, "u^2 v": 1},
            "v": {"lap(v)": 0.2, "u": 3, "u^2 v": -1},
        },
        (0.1, 0.2), brusselator, 3, (0.5, 0.5), (1.0, 3.0),
    ),
    "gray-scott": System(
        20.0, 40.0,
        {
            "u": {"lap(u)": 0.04, "": 0.04, "u": -0.04, "u v^2": -1},
            "v": {"lap(v)": 0.02, "u v^2": 1, "v": -0.1},
        },
        (0.04, 0.02), gray_scott, 3, (0.1, 0.1), (0.5, 0.25),
    ),
}  # fmt: skip


def waves(system, size, count, rng):
    """A sum of waves of random sizes and phases, of a given deviation."""
    k = np.fft.fftfreq(count, 1 / count)
    square = k[:, None] ** 2 + k**2
    modes = rng.standard_normal((count, count)) + 1j * rng.standard_normal((count, count))
    u = np.fft.ifft2(modes * (square > 0) * (square <= system.waves**2)).real
    return size * u / u.std()


def simulate(system, count=64, times=41, seed=0, steps=10):
    """The fields (times, count, count) by name, x and t."""
    rng = np.random.default_rng(seed)
    k = 2 * np.pi * np.fft.fftfreq(count, 1 / count) / system.side
    square = (k[:, None] ** 2 + k**2).ravel()
    keep = (np.maximum(abs(k[:, None]), abs(k)) < 0.67 * k.max()).ravel()
    parts = len(system.linear)
    linear = np.concatenate([-c * square for c in system.linear]).astype(complex)

    def split(modes):
        return [np.fft.ifft2(m.reshape(count, count)).real for m in np.split(modes, parts)]

    def rest(s, modes):
        return np.concatenate([keep * np.fft.fft2(f).ravel() for f in system.rest(*split(modes))])

    start = [
        mean + waves(system, size, count, rng)
        for mean, size in zip(system.means, system.sizes, strict=True)
    ]
    begin = np.concatenate([np.fft.fft2(u).ravel() for u in start])
    path = march(linear, rest, begin, (0, system.end), (times - 1) * steps, steps)
    fields = np.array([split(modes) for modes in path]).transpose(1, 0, 2, 3)
    x = np.arange(count) * system.side / count
    return dict(zip(system.laws, fields, strict=True)), x, np.linspace(0, system.end, times)


VORTICITY = {"w": {"lap(w)": 0.02, "u w_x": -1, "v w_y": -1}}


def stir(count=64, times=41, seed=0, steps=10, end=4.0):
    """Decaying vortices: w_t = 0.02 lap(w) - u w_x - v w_y, with the velocities u and v."""
    rng = np.random.default_rng(seed)
    k = np.fft.fftfreq(count, 1 / count)
    kx, ky = np.meshgrid(k, k, indexing="ij")
    square = np.maximum(kx**2 + ky**2, 1)
    keep = np.maximum(abs(kx), abs(ky)) < 0.67 * k.max()

    def real(modes):
        return np.fft.ifft2(modes).real

    def flow(w):
        """The velocities of the modes w of the vorticity."""
        psi = w / square
        return real(1j * ky * psi), real(-1j * kx * psi)

    def rest(s, flat):
        w = flat.reshape(count, count)
        u, v = flow(w)
        return (-1.0 * keep * np.fft.fft2(u * real(1j * kx * w) + v * real(1j * ky * w))).ravel()

    start = waves(System(0, 0, {}, (), None, 5, (), ()), 3.0, count, rng)
    linear = (-0.02 * (kx**2 + ky**2)).ravel().astype(complex)
    path = march(linear, rest, np.fft.fft2(start).ravel(), (0, end), (times - 1) * steps, steps)
    modes = [each.reshape(count, count) for each in path]
    u, v = np.array([flow(each) for each in modes]).transpose(1, 0, 2, 3)
    fields = {"w": np.array([real(each) for each in modes]), "u": u, "v": v}
    return fields, 2 * np.pi * np.arange(count) / count, np.linspace(0, end, times)


@cache
def exact(name, count, times):
    """The fields, x and t without noise, and the laws."""
    if name == "vorticity":
        return *stir(count, times), VORTICITY
    return *simulate(SYSTEMS[name], count, times), SYSTEMS[name].laws


def add_noise(fields, level, seed):
    rng = np.random.default_rng(seed)
    return {n: u + level * u.std() * rng.standard_normal(u.shape) for n, u in fields.items()}


# The same where u_x + v_y = 0: u w_x + v w_y = (u w)_x + (v w)_y.
SAME = {"(w u)_x": "u w_x", "(w v)_y": "v w_y"}


def measure(name, level, seeds, count, times):
    fields, x, t, laws = exact(name, count, times)
    inputs = [n for n in fields if n not in laws]
    right, worst, inside, start = 0, 0.0, [], time.process_time()
    for seed in seeds:
        found = discover_fields(add_noise(fields, level, seed), {"x": x, "y": x}, t, inputs=inputs)
        good = True
        for field, truth in laws.items():
            equation = found[field]
            told = {SAME.get(n, n): v for n, v in equation.coefficients().items()}
            if set(told) == set(truth):
                worst = max(worst, *(abs(told[n] / c - 1) for n, c in truth.items()))
                names = [SAME.get(term.name, term.name) for term in equation.terms]
                errors = dict(zip(names, equation.errors, strict=True))
                inside += [abs(told[n] - c) < 1.96 * errors[n] for n, c in truth.items()]
            else:
                good = False
                print("   ", equation.text())
            if equation.judgement.agreement is Agreement.OUTSIDE:
                print("    outside:", equation.judgement.sentence)
        right += good
    seconds = (time.process_time() - start) / len(seeds)
    return (
        f"right terms {right}/{len(seeds)}  worst coefficient {worst:.2%}, "
        f"{np.mean(inside or [0]):.0%} inside of their intervals  {seconds:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--names", default="lambda-omega,vorticity,brusselator,gray-scott")
    parser.add_argument("--noise", default="0,0.05,0.1,0.25")
    parser.add_argument("--count", type=int, default=64, help="samples along x and along y")
    parser.add_argument("--times", type=int, default=41)
    options = parser.parse_args()
    for name in options.names.split(","):
        for level in map(float, options.noise.split(",")):
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            told = measure(name, level, seeds if level else seeds[:1], options.count, options.times)
            print(f"{name:14} noise {level:4.0%}  {told}", flush=True)


if __name__ == "__main__":
    main()
