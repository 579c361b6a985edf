"""What kill -9, SIGINT, SIGTERM and SIGHUP leave behind at random moments.

    python tests/benchmarks/interrupts.py --count 50 --out interrupts.csv

A command is begun in a child process, which gets a signal after a random time. Its folder must be
absent or whole: `info` and `export` read it, and now and then `resume` goes on. No file is left
beside it after that, no traceback is printed, and of training at most a few seconds are lost: the
time from the last save of the model to the signal.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

import kanpde.cli.check
import kanpde.cli.discover
import kanpde.cli.export
import kanpde.cli.operator.train
import kanpde.cli.solve
import kanpde.output.plot  # noqa: F401 (the children must not import it again)
from kanpde.cli.app import main

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A child that does not end so many seconds after the signal hangs.
PATIENCE = 60.0
WINDOWS = """
from kanpde import Box, Condition, Plan, Problem, d

def problem():
    box = Box(t=(0, 40))
    (t,) = box.axes
    return Problem(
        box,
        "u v",
        [
            Condition("swing", box, lambda u, v: (d(u, t) - v, d(v, t) + u + 0.1 * u**3)),
            Condition("start", box.face(t=0), lambda u, v: (u - 1, v)),
        ],
    )

def plan():
    return Plan(windows=8, budget=60.0)
"""


@dataclass(frozen=True)
class Kind:
    """A command that is interrupted, and what reads what it leaves."""

    name: str
    arguments: tuple[str, ...]
    longest: float  # seconds to the latest signal
    model: str = ""  # the file that holds what was trained
    readers: tuple[tuple[str, ...], ...] = ()
    resume: tuple[str, ...] = ()


_SOLVE = (("info", "R"), ("export", "R", "--format", "csv"))
KINDS = (
    Kind("solve", ("solve", "burgers", "--out", "R", "--budget", "60"), 12.0, "model.safetensors",
         _SOLVE, ("resume", "R", "--budget", "0.3")),
    Kind("windows", ("solve", "w.py", "--out", "R"), 12.0, "model.safetensors",
         _SOLVE, ("resume", "R", "--budget", "0.3")),
    Kind("discover", ("discover", "d.csv", "--out", "R"), 5.0),
    Kind("operator", ("operator", "train", "o.h5", "--out", "R", "--width", "8", "--budget", "60",
         "--epochs", "100000"), 10.0, "model-0.safetensors", (("operator", "info", "R"),)),
    Kind("export", ("export", "R", "--format", "xdmf"), 0.6, "", _SOLVE),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one interrupt left."""

    kind: str
    signal: str
    after: float
    code: int
    folder: str
    lost: float | None
    faults: tuple[str, ...]


def start(arguments: Sequence[str], log: Path) -> int:
    """Run a command in a forked child; its process."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
        main(list(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait(child: int, seconds: float) -> int | None:
    """The exit code of a child, minus the signal that ended it; None for one that hangs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def interrupt(kind: Kind, number: signal.Signals, after: float, resume: bool) -> Outcome:
    """Send a signal to the command after some seconds, and look at what is there."""
    faults = []
    log = Path("log")
    child = start(kind.arguments, log)
    code = wait_or_signal(child, number, after)
    if code is None:
        faults.append("hangs")
    folder = Path("R")
    lost = measure_loss(kind, folder, number)
    if "Traceback" in log.read_text(encoding="utf-8", errors="replace"):
        faults.append("traceback")
    if (number == signal.SIGKILL and code not in (-9, 0, 1, 3)) or (
        number != signal.SIGKILL and code not in (130, 0, 1, 3)
    ):
        faults.append(f"exit code {code}")
    state = "absent"
    if folder.exists():
        has_model = not kind.model or (folder / kind.model).exists()
        state = "whole" if has_model else "no model yet"
        faults += read_back(kind, has_model, resume)
    parts = [str(p) for p in Path().rglob("*.part*")]
    if parts and (number != signal.SIGKILL or (kind.readers and state == "whole")):
        faults.append(f"left {parts[0]}")
    return Outcome(kind.name, number.name, round(after, 2), code or 0, state, lost, tuple(faults))


def wait_or_signal(child: int, number: signal.Signals, after: float) -> int | None:
    """The exit code of a child that gets a signal, if it has not ended before."""
    end = time.monotonic() + after
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, number)
    return wait(child, PATIENCE)


def measure_loss(kind: Kind, folder: Path, number: signal.Signals) -> float | None:
    """Seconds of training that kill -9 cost: since the last save, or since the folder was made."""
    if number != signal.SIGKILL or not kind.model or (folder / "summary.json").exists():
        return None
    for name in (kind.model, "run.json"):
        if (folder / name).exists():
            return round(time.time() - (folder / name).stat().st_mtime, 2)
    return None


def read_back(kind: Kind, has_model: bool, resume: bool) -> list[str]:
    """What goes wrong where the folder is read, and where the command goes on."""
    faults = []
    commands = list(kind.readers if has_model else ())
    if resume and kind.resume:
        commands.append(kind.resume)
    for command in commands:
        log = Path("log2")
        log.unlink(missing_ok=True)
        code = wait(start(command, log), PATIENCE)
        text = log.read_text(encoding="utf-8", errors="replace")
        if code != 0 or "Traceback" in text:
            faults.append(f"{' '.join(command)}: {code} {text.strip()[-200:]}")
    return faults


def prepare(folder: Path) -> dict[str, Callable[[], None]]:
    """Files that the commands need, made once; what to put beside each kind of command."""
    data = folder / "data"
    data.mkdir()
    x, y, rows = 2.0, 1.0, ["t,prey,hunters"]
    for k in range(120):
        rows.append(f"{k * 0.1:.1f},{x:.6f},{y:.6f}")
        for _ in range(100):
            x, y = x + 1e-3 * (x - x * y), y + 1e-3 * (x * y - y)
    (data / "d.csv").write_text("\n".join(rows) + "\n")
    (data / "w.py").write_text(WINDOWS)
    rng = np.random.default_rng(0)
    with h5py.File(data / "o.h5", "w") as file:
        file["train/axes/x"] = np.linspace(0, 1, 32, endpoint=False)
        values = rng.standard_normal((64, 32)).cumsum(1)
        file["train/inputs/a"], file["train/outputs/u"] = values, np.sin(values)
    os.chdir(data)
    wait(start(("solve", "heat", "--out", "R", "--budget", "1"), data / "log"), 120)
    assert (data / "R" / "summary.json").exists(), (data / "log").read_text()

    def copy_run() -> None:
        shutil.copytree(data / "R", "R")

    def copy_data() -> None:
        for each in ("d.csv", "w.py", "o.h5"):
            shutil.copy(data / each, each)

    return {"export": copy_run, "": copy_data}


def run_all(count: int, kinds: Sequence[str], seed: int) -> list[Outcome]:
    """So many interrupts of each kind of command, the signals in turn."""
    draw = random.Random(seed)
    outcomes = []
    with tempfile.TemporaryDirectory() as base:
        bring = prepare(Path(base))
        for kind in KINDS:
            if kind.name not in kinds:
                continue
            for k in range(count):
                work = Path(base) / f"{kind.name}-{k}"
                work.mkdir()
                os.chdir(work)
                bring.get(kind.name, bring[""])()
                after = draw.uniform(0.0, kind.longest)
                found = interrupt(kind, SIGNALS[k % len(SIGNALS)], after, resume=k % 5 == 0)
                outcomes.append(found)
                if found.faults:
                    print(found, flush=True)
                os.chdir(base)
                shutil.rmtree(work, ignore_errors=True)
            report([o for o in outcomes if o.kind == kind.name])
    return outcomes


def report(outcomes: Sequence[Outcome]) -> None:
    """One line for each signal of a kind of command."""
    for number in SIGNALS:
        own = [o for o in outcomes if o.signal == number.name]
        lost = sorted(o.lost for o in own if o.lost is not None)
        states = {s: sum(o.folder == s for o in own) for s in ("absent", "no model yet", "whole")}
        shown = (
            f", lost {statistics.median(lost):.1f} s in the median, {lost[-1]:.1f} s at most"
            if lost
            else ""
        )
        faults = sum(bool(o.faults) for o in own)
        if own:
            print(f"{own[0].kind:9} {number.name:8} {len(own):3}: {states}, {faults} faulty{shown}")
    sys.stdout.flush()


def run_from_command_line() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=[kind.name for kind in KINDS])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out = None if given.out is None else given.out.resolve()
    outcomes = run_all(given.count, given.kinds, given.seed)
    if out is not None:
        with out.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Outcome.__dataclass_fields__)
            writer.writerows(
                [o.kind, o.signal, o.after, o.code, o.folder, o.lost, "; ".join(o.faults)]
                for o in outcomes
            )


if __name__ == "__main__":
    run_from_command_line()
