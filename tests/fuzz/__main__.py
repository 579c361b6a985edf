"""The long run: `python -m tests.fuzz --cases 100000 --seed 1`; prints each new kind of fault."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.folder import make_run
from tests.fuzz.grammar import cases
from tests.fuzz.runner import Case, finish_quietly, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given_options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = make_run(Path(folder))
    found: Counter[str] = Counter()
    slowest, tried, started = (0.0, ""), 0, time.monotonic()

    @seed(given_options.seed)
    @settings(
        max_examples=given_options.cases,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(files))
    def look(case: Case) -> None:
        nonlocal slowest, tried
        begun = time.process_time()
        wrong = run(case)
        finish_quietly()
        tried += 1
        spent = time.process_time() - begun
        if spent > slowest[0]:
            slowest = spent, repr(case)
            print(f"slowest so far, {spent:.1f} s: {' '.join(case.arguments)[:100]!r}", flush=True)
        if wrong is not None:
            kind = wrong.strip().splitlines()[-1] if "\n" in wrong else wrong
            found[kind] += 1
            if found[kind] == 1:
                print(f"\n{'=' * 80}\n{case!r}\n{wrong}", flush=True)

    look()
    minutes = (time.monotonic() - started) / 60
    print(f"{tried} cases in {minutes:.0f} min, {sum(found.values())} faults of {len(found)} kinds")
    for kind, count in found.most_common():
        print(f"{count:6}  {kind}")


if __name__ == "__main__":
    main()
