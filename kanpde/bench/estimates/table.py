"""The tables: by problem, tuned and held out, and the samples that are far off."""

from __future__ import annotations

from collections.abc import Sequence

from kanpde.bench.estimates.cases import CASES, is_held_out
from kanpde.bench.estimates.measure import Sample, calibrate


def markdown(samples: Sequence[Sample]) -> str:
    """For a document."""
    lines = [
        "| problems | samples | within a factor of 3 | of 10 | below a tenth of the error |",
        "|---|---|---|---|---|",
    ]
    held = {c.name: is_held_out(c) for c in CASES}
    for name, wanted in (("tuned", False), ("held out", True)):
        part = [s for s in samples if held[s.case] is wanted]
        if part:
            lines.append(_row(f"all {name}", part))
    for case in CASES:
        own = [s for s in samples if s.case == case.name]
        if own:
            lines.append(_row(f"{case.name}{' (held out)' if held[case.name] else ''}", own))
    off = [s for s in samples if not 0.1 <= s.ratio <= 10]
    lines += ["", *(f"{s.case}, seed {s.seed}, {s.steps} steps: {_describe(s)}" for s in off)]
    return "\n".join(lines) + "\n"


def _row(name: str, samples: Sequence[Sample]) -> str:
    found = calibrate(samples)
    return (
        f"| {name} | {found.samples} | {found.within_3:.0%} | {found.within_10:.0%} "
        f"| {found.below_tenth:.1%} |"
    )


def _describe(sample: Sample) -> str:
    estimate = "none" if sample.estimate is None else f"{sample.estimate:.1e}"
    return f"error {sample.error:.1e}, estimate {estimate}, {sample.status}"
