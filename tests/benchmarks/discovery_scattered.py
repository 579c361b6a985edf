"""Equations of fields from scattered points; the data are those of discovery_fields.

python tests/benchmarks/discovery_scattered.py --first-seed 20
"""

import argparse
from functools import cache

import numpy as np
from discovery_fields import field, measure
from scipy.interpolate import RectBivariateSpline

NAMES = ("kdv", "convection-diffusion", "chaffee-infante", "allen-cahn", "klein-gordon")


@cache
def interpolate(name):
    """u(x, t) as a function, its deviation and the ranges of x and t."""
    u, x, t = field(name)
    step, more = x[1] - x[0], 8
    wide = np.concatenate([u[:, -more:], u, u[:, :more]], 1)
    places = x[0] + step * np.arange(-more, len(x) + more)
    spline = RectBivariateSpline(places, t, wide.T, kx=5, ky=5)
    return spline.ev, float(u.std()), (x[0], x[-1] + step), (t[0], t[-1])


def scatter(source, count, noise, seed):
    """u, x, t (count,) at points drawn evenly; noise relative to the deviation of u."""
    function, deviation, xs, ts = source
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(*xs, count), rng.uniform(*ts, count)
    return function(x, t) + noise * deviation * rng.standard_normal(count), x, t


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--names", default=",".join(NAMES))
    parser.add_argument("--points", type=int, default=3000)
    parser.add_argument("--noise", default="0,0.01,0.05,0.1")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)

    def samples(name, seed, noise):
        return scatter(interpolate(name), options.points, noise, seed)

    for name in options.names.split(","):
        for noise in map(float, options.noise.split(",")):
            told = measure(name, noise, seeds, samples)
            print(f"{name:22} {options.points} points, noise {noise:4.0%}  {told}", flush=True)


if __name__ == "__main__":
    main()
