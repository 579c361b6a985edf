"""`python -m kanpde.bench.estimates --part tuned --seeds 2`: measure, and print the tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kanpde.bench.estimates.cases import CASES, is_held_out
from kanpde.bench.estimates.measure import Sample, measure_case
from kanpde.bench.estimates.table import markdown
from kanpde.files import write_json

PARTS = ("tuned", "held out", "all")


def main(arguments: Sequence[str]) -> None:
    """Measure the cases that the arguments choose."""
    parser = argparse.ArgumentParser(prog="python -m kanpde.bench.estimates", description=__doc__)
    parser.add_argument("--part", choices=PARTS, default="all", help="which cases (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0, 1, ... (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--case", action="append", help="one case by its name; may be repeated")
    parser.add_argument("--out", type=Path, help="a JSON file for every sample")
    given = parser.parse_args(arguments)
    samples: list[Sample] = []
    for case in CASES:
        held = "held out" if is_held_out(case) else "tuned"
        if given.part not in ("all", held) or (given.case and case.name not in given.case):
            continue
        for seed in range(given.first, given.first + given.seeds):
            found = measure_case(case, seed)
            samples += found
            shown = "  ".join(f"{s.error:.0e}/{s.ratio:.2g}" for s in found)
            print(f"{case.name}, seed {seed}: {shown}", file=sys.stderr, flush=True)
            if given.out:
                write_json(given.out, [asdict(s) for s in samples])
    print(markdown(samples), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
