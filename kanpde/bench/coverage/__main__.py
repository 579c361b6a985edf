"""python -m kanpde.bench.coverage --sets 200: how often intervals of 95 % hold the truth."""

from __future__ import annotations

import argparse

from kanpde.bench.coverage.cases import CASES
from kanpde.bench.coverage.simulate import simulate


def main() -> None:
    """Print a line for each number of each case, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200, help="simulated readings of each problem")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--case", type=int, help="one of them alone, from 0")
    options = parser.parse_args()
    chosen = CASES if options.case is None else CASES[options.case : options.case + 1]
    held = sets = 0
    for make in chosen:
        for found in simulate(make(), options.sets, options.seed):
            print(found, flush=True)
            held, sets = held + found.held, sets + found.sets
    print(f"all: {100 * held / max(sets, 1):.1f} % of {sets} intervals hold the truth")


if __name__ == "__main__":
    main()
