"""kanpde beside DeepXDE, pykan and jaxKAN at equal wall time, on one machine, in one run.

    python tests/benchmarks/peers/environment.py FOLDER
    python tests/benchmarks/peers/run.py --peers FOLDER --out RESULTS --budget 120 --seeds 5

The programs take turns, problem by problem and seed by seed, each alone on the machine, so that a
disturbance meets all of them. Every answer is compared with kanpde's own references, on the same
grid of 129 x 129 points, or at 16,384 points of a shape. RESULTS holds every run; finished ones are
kept when it is called again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from environment import interpreter
from task import PROBLEMS, SOLVED

from kanpde.bench.cell import Cell, Record
from kanpde.bench.machine import allowed, commit, machine
from kanpde.bench.running import run_cells
from kanpde.files.whole import write_json, write_text
from kanpde.problem.loading import load_problem
from kanpde.solution.measures import grid_points, reference_values

HERE = Path(__file__).parent
PEERS = ("deepxde", "pykan", "jaxkan")
PROGRAMS = ("kanpde", *PEERS)


@dataclass(frozen=True)
class Points:
    """Where a problem's answers are compared, as files: (N, 2) points and (N,) values."""

    points: Path
    reference: Path
    own_error: float

    def error(self, values: np.ndarray) -> float | None:
        """The relative L2 error; None where a value is not finite."""
        exact = np.load(self.reference)["u"]
        error = float(np.linalg.norm(values - exact) / np.linalg.norm(exact))
        return error if math.isfinite(error) else None


def export(problem: str, out: Path) -> Points:
    """Write the points (for the peers) and the reference (which they never see)."""
    loaded = load_problem(problem)
    assert loaded.reference is not None
    points = grid_points(loaded)[0]
    name = _flat(problem)
    files = Points(
        out / f"{name}_points.npy", out / f"{name}_reference.npz", loaded.reference.error
    )
    np.save(files.points, points)
    np.savez(files.reference, points=points, **reference_values(loaded, points))
    return files


def _flat(name: str) -> str:
    """A problem's name as a part of a file name."""
    return name.replace("/", "_")


def run_kanpde(problem: str, budget: float, seed: int, out: Path) -> Record:
    """One run of kanpde, in a process of its own as the peers'."""
    (record,) = run_cells([Cell(problem, seed, budget)], out / "kanpde")
    return {k: record[k] for k in ("error", "seconds", "parameters", "steps", "status")}


def run_peer(peer: str, python: Path, task: Sequence[str], where: Points, out: Path) -> Record:
    """One run of a peer; a failure is a record without an error."""
    answer = out / f"{peer}_{_flat('_'.join(task))}.json"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(allowed()))
    with answer.with_suffix(".log").open("w") as log:
        done = subprocess.run(
            [python, HERE / f"with_{peer}.py", *_places(task, where.points, answer)],
            env=os.environ | threads,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode or not answer.exists():
        return {"error": None, "status": f"crashed with the code {done.returncode}"}
    values = np.load(answer.with_suffix(".npy"))
    return {**json.loads(answer.read_text()), "error": where.error(values), "status": "ended"}


def _places(task: Sequence[str], points: Path, answer: Path) -> list[str]:
    return [*task, str(points.absolute()), str(answer.absolute())]


def run_all(given: argparse.Namespace) -> list[Record]:
    """Every program on every problem and seed; what is finished is kept."""
    records = []
    raw = given.out / "peers"
    raw.mkdir(parents=True, exist_ok=True)
    points = {p: export(p, given.out) for p in given.problems}
    for problem in given.problems:
        for seed in range(given.seeds):
            for program in given.programs:
                task = (problem, f"{given.budget:g}", str(seed))
                if problem not in SOLVED[program]:
                    continue
                path = given.out / f"{program}_{_flat('_'.join(task))}.json"
                if not path.exists():
                    print(f"{problem}, seed {seed}: {program} ...", flush=True)
                    if program == "kanpde":
                        record = run_kanpde(problem, given.budget, seed, given.out)
                    else:
                        record = run_peer(
                            program, interpreter(given.peers), task, points[problem], raw
                        )
                    identity = {"program": program, "problem": problem, "seed": seed}
                    identity |= {
                        "budget": given.budget,
                        "reference_error": points[problem].own_error,
                    }
                    write_json(path, identity | record)
                records.append(json.loads(path.read_text()))
                print(f"{problem}, seed {seed}: {program}: {told(records[-1])}", flush=True)
    return records


def told(record: Record) -> str:
    """A run in a few words."""
    if record["error"] is None:
        return f"no answer ({record['status']})"
    return f"error {shown(record['error'], record['reference_error'])}, {record['seconds']:.0f} s"


def shown(error: float, known: float) -> str:
    """An error, as a bound where it is below the reference's own."""
    if math.isinf(error):
        return "none"
    return f"<= {known:.0e}" if known > 0 and error <= known else f"{error:.1e}"


def table(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Median and worst of the seeds, and how many times kanpde's median goes into the median."""
    rows = []
    for problem in dict.fromkeys(r["problem"] for r in records):
        mine: float | None = None
        for program in PROGRAMS:
            group = [r for r in records if (r["problem"], r["program"]) == (problem, program)]
            if not group:
                continue
            known = group[0]["reference_error"]
            errors = [math.inf if r["error"] is None else r["error"] for r in group]
            middle = max(median(errors), known)
            mine = middle if program == "kanpde" else mine
            ended = [r for r in group if r["error"] is not None]
            rows.append(
                {
                    "problem": problem,
                    "program": program,
                    "seeds": len(group),
                    "failed": len(group) - len(ended),
                    "median": middle,
                    "worst": max(*errors, known),
                    "ratio": middle / mine if mine else None,
                    "seconds": median(r["seconds"] for r in ended) if ended else None,
                    "parameters": ended[0]["parameters"] if ended else None,
                    "reference_error": known,
                }
            )
    return rows


def markdown(rows: Sequence[dict[str, Any]], where: dict[str, Any], budget: float) -> str:
    """The table for docs/benchmarks.md."""
    lines = [
        f"| problem | program | error, median | error, worst | times kanpde's | parameters "
        f"| seconds (of {budget:g}) | seeds | failed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        ratio = "-" if r["ratio"] is None or not math.isfinite(r["ratio"]) else f"{r['ratio']:.3g}"
        seconds = "-" if r["seconds"] is None else f"{r['seconds']:.0f}"
        lines.append(
            f"| `{r['problem']}` | {r['program']} | {shown(r['median'], r['reference_error'])} "
            f"| {shown(r['worst'], r['reference_error'])} | {ratio} | {r['parameters'] or '-'} "
            f"| {seconds} | {r['seeds']} | {r['failed']} |"
        )
    release = f"kanpde {where['version']}" + (f", commit {where['commit']}" * bool(where["commit"]))
    lines += [
        "",
        f"{where['cpu']}, {where['cores']} cores, {where['threads']} threads a run; {release}; "
        f"{where['peers']}.",
        "",
    ]
    return "\n".join(lines)


def peer_versions(python: Path) -> str:
    """The peers' versions, as their environment has them."""
    code = (
        "from importlib.metadata import version as v;"
        "names = ('DeepXDE', 'pykan', 'jaxkan', 'torch', 'jax');"
        "print(', '.join(f'{n} {v(n)}' for n in names))"
    )
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def arguments() -> argparse.Namespace:
    """Those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", type=Path, required=True, help="environment.py's folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the results")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of a run")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if not interpreter(given.peers).exists():
        sys.exit(f"{given.peers} holds no environment; make it with environment.py {given.peers}")
    records = run_all(given)
    where = machine() | {"threads": allowed(), "peers": peer_versions(interpreter(given.peers))}
    where |= commit()
    rows = table(records)
    text = markdown(rows, where, given.budget)
    finite = [{k: None if v == math.inf else v for k, v in r.items()} for r in rows]
    write_json(given.out / "peers.json", {"machine": where, "rows": finite, "runs": records})
    write_text(given.out / "peers.md", text)
    print(f"\n{text}\ntable: {given.out / 'peers.md'}")


if __name__ == "__main__":
    main()
