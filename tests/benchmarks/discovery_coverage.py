"""How often 95 % intervals of fields hold the truth, the right terms given; small grids.

python tests/benchmarks/discovery_coverage.py --first-seed 1000 --seeds 60
"""

import argparse
import time

import discovery_fields
import discovery_planes
import numpy as np

from kanpde.dynamics.field.estimate import estimate
from kanpde.dynamics.field.library import build_library
from kanpde.dynamics.field.samples import Grid, GridSamples
from kanpde.dynamics.field.term import Notation


def read_line(name):
    """Fields of a line on 101 x 128 points, their axes, and their laws by the terms' names."""
    u, x, t = discovery_fields.exact(name)
    truth, order = discovery_fields.EQUATIONS[name][2:4]
    notation = Notation()
    law = {notation.derive((j,), (0,) * m).name: c for (m, j), c in truth.items()}
    return {"u": u[::2, ::2]}, {"x": x[::2]}, t[::2], {"u": law}, order


def read_plane(name, count):
    fields, x, t, laws = discovery_planes.exact(name, count, 31)
    return fields, {"x": x, "y": x}, t, laws, 1


def measure(name, level, seeds, count):
    """A line: the share of intervals that hold the truth, and the mean and deviation of errors."""
    fields, axes, t, laws, order = (
        read_line(name) if name in discovery_fields.EQUATIONS else read_plane(name, count)
    )
    notation = Notation(tuple(fields), tuple(axes))
    library = {term.name: term for term in build_library(notation, 3, 4)}
    scores, misfits, start = [], [], time.process_time()
    for seed in seeds:
        raw = discovery_planes.add_noise(fields, level, seed)
        grid = Grid.of(notation, (t, *axes.values()), list(raw.values()))
        for own, (_, law) in enumerate(laws.items()):
            samples = GridSamples(grid, own, order, {})
            truth = {library[term]: c for term, c in law.items()}
            bumps = samples.bumps(samples.widths, max(2, *(term.order for term in truth)))
            found = estimate(samples, bumps, list(truth), truth)
            off = found.c - np.array(list(truth.values()))
            scores += list(off / np.sqrt(np.diagonal(found.spread)))
            misfits.append(found.misfit)
    scores = np.array(scores)
    seconds = (time.process_time() - start) / len(seeds)
    return (
        f"{np.mean(np.abs(scores) < 1.96):.1%} of {len(scores)} intervals hold the truth, errors "
        f"{scores.mean():+.2f} +- {scores.std():.2f} standard errors, misfit "
        f"{np.mean(misfits):.2f}  {seconds:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--names", default="lambda-omega,gray-scott,burgers,allen-cahn,kdv")
    parser.add_argument("--noise", default="0.05,0.1,0.25")
    parser.add_argument("--count", type=int, default=32, help="samples along x and y of a plane")
    options = parser.parse_args()
    for name in options.names.split(","):
        for level in map(float, options.noise.split(",")):
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            print(
                f"{name:16} noise {level:4.0%}  {measure(name, level, seeds, options.count)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
