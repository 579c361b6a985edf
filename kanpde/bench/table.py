"""The tables of a benchmark: errors over seeds, how good the estimates were, every run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from kanpde.bench.cell import Record
from kanpde.bench.curves import Calibration, Curve, calibration, write_curves
from kanpde.files.whole import write_json, write_text


@dataclass(frozen=True)
class Row:
    """One problem at one budget, over its seeds.

    Errors are relative L2, the largest of the fields; a seed without a finite error counts as
    infinite. `known` is the error of the reference, below which errors cannot be measured.
    """

    problem: str
    budget: float
    seeds: int
    failures: int
    error_median: float
    error_worst: float
    known: float
    estimate: float | None
    parameters: float | None
    points: float | None
    seconds: float | None


def rows(records: Sequence[Record]) -> list[Row]:
    """The table, in the order of the records."""
    groups: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        groups.setdefault((record["problem"], record["budget"]), []).append(record)
    return [_row(problem, budget, group) for (problem, budget), group in groups.items()]


def _row(problem: str, budget: float, group: Sequence[Record]) -> Row:
    unknown = any(r["reference"] is None and r["status"] != "crashed" for r in group)
    errors = [math.inf if r["error"] is None else r["error"] for r in group]
    failed = sum(r["status"] in ("crashed", "diverged") for r in group)
    return Row(
        problem,
        budget,
        len(group),
        failed,
        math.nan if unknown else median(errors),
        math.nan if unknown else max(errors),
        max((r["reference"]["error"] for r in group if r["reference"]), default=0.0),
        *(_middle(group, key) for key in ("estimate", "parameters", "points", "seconds")),
    )


def _middle(group: Sequence[Record], key: str) -> float | None:
    values = [r[key] for r in group if r[key] is not None]
    return median(values) if values else None


def markdown(records: Sequence[Record]) -> str:
    """The table for a document, with the machines, the estimates and the figures of every seed."""
    table = [
        "| problem | budget [s] | error, median | error, worst | estimate, median | parameters "
        "| points | seconds | seeds | failed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    table += [
        f"| `{r.problem}` | {r.budget:g} | {_error(r.error_median, r.known)} "
        f"| {_error(r.error_worst, r.known)} | {_number(r.estimate, '.0e')} "
        f"| {_number(r.parameters, '.0f')} | {_number(r.points, '.0f')} "
        f"| {_number(r.seconds, '.0f')} | {r.seeds} | {r.failures} |"
        for r in rows(records)
    ]
    return "\n".join([*table, "", *_where(records), ""])


def seeds_markdown(records: Sequence[Record]) -> str:
    """Every seed's error and how it ended."""
    lines = ["| problem | budget [s] | seed | error | estimate | seconds | ended |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for r in records:
        lines.append(
            f"| `{r['problem']}` | {r['budget']:g} | {r['seed']} | {format_error(r)} "
            f"| {_number(r['estimate'], '.0e')} | {_number(r['seconds'], '.0f')} | {r['status']} |"
        )
    return "\n".join([*lines, ""])


def format_error(record: Record) -> str:
    """The error of one run, for people."""
    if record["reference"] is None:
        return "none" if record["status"] == "crashed" else "-"
    error = math.inf if record["error"] is None else record["error"]
    return _error(error, record["reference"]["error"])


def _error(error: float, known: float) -> str:
    if math.isnan(error):
        return "-"
    if math.isinf(error):
        return "none"
    return f"<= {known:.0e}" if known > 0 and error <= known else f"{error:.1e}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _where(records: Sequence[Record]) -> list[str]:
    """One line for each machine and commit that the records come from."""
    lines: dict[str, None] = {}
    for r in records:
        m = r["machine"]
        version = f"kanpde {r['version']}" + (f", commit {r['commit']}" if r["commit"] else "")
        lines[
            f"{m['cpu']}, {m['cores']} cores, {m['threads']} threads a run; torch {m['torch']}; "
            f"{version}."
        ] = None
    return list(lines)


def calibration_markdown(found: Sequence[Calibration]) -> str:
    """The table of `calibration`."""
    lines = [
        "| problem | looks | estimate within a factor of 3 | of 10 | below a tenth of the error |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{c.problem}` | {c.looks} | {c.within_3:.0%} | {c.within_10:.0%} "
        f"| {c.below_tenth:.0%} |"
        for c in found
    ]
    return "\n".join([*lines, ""])


def report_text(records: Sequence[Record], curves: Sequence[Curve]) -> str:
    """All tables."""
    found = calibration(curves)
    parts = [markdown(records), *([calibration_markdown(found)] if found else [])]
    return "\n".join([*parts, seeds_markdown(records)])


def write_report(records: Sequence[Record], curves: Sequence[Curve], out: Path) -> None:
    """Write bench.json, bench.md and error_against_time.csv into `out`."""
    text = report_text(records, curves)
    write_text(out / "bench.md", text)
    write_curves(out / "error_against_time.csv", curves)
    data = {
        "rows": [_plain(asdict(r)) for r in rows(records)],
        "calibration": [asdict(c) for c in calibration(curves)],
        "cells": list(records),
    }
    write_json(out / "bench.json", data)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no infinite numbers: a missing error is null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
