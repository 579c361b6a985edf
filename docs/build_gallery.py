"""Run the entries of the gallery and store their figures and pictures: the full build.

python docs/build_gallery.py                     # what has changed since it was stored
python docs/build_gallery.py --all               # everything, about a minute an entry
python docs/build_gallery.py --only burgers wave
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import runpy
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from gallery_entries import LONGER, ROOT, STORE, Entry, entries

WIDTH = 1000  # pixels of a stored picture
# Examples that take another option than --budget, so that each runs for about as long.
OPTIONS = {
    "classify_rings": (),
    "discover_pendulum": (),
    "discover_plane": (),
    "discover_source": ("--noise", "0.1"),
    "where_to_measure": (),
    "spline_grid_extension": ("--budget", "30", "--steps", "25"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="also what is stored and fits")
    parser.add_argument("--only", nargs="*", help="these entries, by their slugs")
    parser.add_argument("--budget", type=int, default=20, help="seconds of training for most")
    parser.add_argument("--jobs", type=int, default=1, help="entries at a time")
    parser.add_argument("--example", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.example is not None:
        return _run_example(options.example, options.into, rest)
    chosen = [
        entry
        for entry in entries()
        if (entry.slug in options.only if options.only else options.all or not entry.fits())
    ]
    failed = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for entry, problem in zip(
            chosen, pool.map(lambda entry: _build(entry, options.budget), chosen), strict=True
        ):
            print(f"{entry.slug}: {problem or 'stored'}", flush=True)
            if problem:
                failed.append(entry.slug)
    return 1 if failed else 0


def _build(entry: Entry, budget: int) -> str:
    """Run one entry and store what it gives; a sentence where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "run"
        start = time.monotonic()
        done = subprocess.run(
            _command(entry, LONGER.get(entry.slug, budget), into),
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - start
        if done.returncode not in (0, 3):
            return f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        if entry.group == "examples":
            figures = {"seconds, with the start": f"{seconds:.0f}"}
            output = (into / "output.txt").read_text(encoding="utf-8")
            picture = into / "picture.png"
        else:
            figures, output = _read_summary(into), ""
            picture = into / "solution.png"
        if picture.exists():
            _store_picture(picture, entry.picture)
    record = {
        "digest": entry.digest,
        "command": entry.command,
        "machine": platform.machine(),
        "figures": figures,
        "output": output,
    }
    entry.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return ""


def _command(entry: Entry, budget: int, into: Path) -> list[str]:
    if entry.group != "examples":
        options = [*entry.arguments[1:], "--budget", str(budget), "--out", str(into)]
        return [sys.executable, "-m", "kanpde", *options]
    extra = OPTIONS.get(entry.source.stem, ("--budget", str(budget)))
    this = [sys.executable, __file__, "--example", str(entry.source), "--into", str(into)]
    return [*this, *extra]


def _read_summary(run: Path) -> dict[str, str]:
    """The figures of a run that its page shows."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    figures = {"status": summary["status"]}
    for name, error in (summary.get("errors") or {}).items():
        figures[f"relative L2 error of {name}"] = f"{error['rel_l2']:.1e}"
    estimate = summary["estimate"]["rel_l2"]
    if estimate is not None:
        figures["estimated relative error"] = f"{estimate:.1e}"
    figures["seconds of training"] = f"{summary['seconds']:.0f}"
    figures["steps"] = str(summary["steps"])
    figures["parameters"] = str(summary["parameters"])
    return figures


def _run_example(path: Path, into: Path, arguments: list[str]) -> int:
    """Run an example as a reader does; keep what it prints, and a picture of what it made."""
    into.mkdir(parents=True)
    sys.argv = [str(path), *arguments]
    with redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path(str(path), run_name="__main__")
    (into / "output.txt").write_text(printed.getvalue(), encoding="utf-8")
    figure = _draw(names)
    if figure is not None:
        figure.savefig(into / "picture.png", dpi=110)
    return 0


def _draw(names: dict[str, Any]) -> Any:
    """A figure of the solution or the law that an example leaves behind."""
    from kanpde.dynamics.field.equation import FieldSystem
    from kanpde.dynamics.field.rollout import roll_out
    from kanpde.dynamics.field_pictures import rollout_figure
    from kanpde.dynamics.ode.result import Dynamics
    from kanpde.dynamics.pictures import fit_figure
    from kanpde.solution.solution import Solution

    for value in reversed(names.values()):
        if isinstance(value, Solution):
            return value.plot()
        if isinstance(value, Dynamics):
            return fit_figure(value)
        if isinstance(value, FieldSystem):
            return rollout_figure(roll_out(value, names["data"]))
    return names.get("figure")


def _store_picture(picture: Path, target: Path) -> None:
    """Smaller, and with a palette: some 60 pictures are kept beside the pages."""
    from PIL import Image

    with Image.open(picture) as image:
        image = image.convert("RGB")
        if image.width > WIDTH:
            image = image.resize((WIDTH, round(image.height * WIDTH / image.width)))
        image.quantize(256).save(target, optimize=True)


if __name__ == "__main__":
    STORE.mkdir(exist_ok=True)
    raise SystemExit(main())
