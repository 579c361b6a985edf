"""What `kanpde certify` does: bounds of a run's error, as a table and in its summary."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from kanpde.bounds.certificate import Bound, Certificate, Norm
from kanpde.bounds.certify import certify
from kanpde.cli.checks import check_budget
from kanpde.cli.messages import Answer, say
from kanpde.cli.options.certify import CertifyOptions
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_json, write_text
from kanpde.output import run_folder as run
from kanpde.output.summary import summarize, summary_text
from kanpde.solution.solution import Solution
from kanpde.training.live import LiveLine

# Seconds between signs of life.
_BEAT = 2.0
_LINE = "  error bound"


def run_certify(options: CertifyOptions) -> Answer:
    """Compute the bounds, print them, and add them to the summary.

    No code of the folder is run: the reference's errors are those that the solve has written.
    """
    check_budget(options.budget)
    folder = options.folder
    name = run.read_config(folder)["problem"] if (folder / run.CONFIG).exists() else folder.name
    solution = run.load(folder)
    summary = _read_summary(folder) or summarize(solution, name)
    with _Heartbeat() as beat:
        certificate = certify(solution, options.budget, beat.tell)
    certificate = _compare(certificate, summary)
    data = certificate.to_data()
    with run.writable(folder):
        write_json(folder / run.SUMMARY, summary | {"error_bound": data})
        write_text(folder / run.TEXT, _update_text(folder, solution, name, certificate))
    say(format_certificate(name, certificate))
    return Answer(data=data)


def _read_summary(folder: Path) -> dict[str, Any] | None:
    path = folder / run.SUMMARY
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise KanpdeError(
            f"{path} is damaged ({error}); `kanpde resume {folder}` writes it again"
        ) from error
    return data


def _compare(certificate: Certificate, summary: dict[str, Any]) -> Certificate:
    """With the error against the reference that the summary holds, if it does."""
    try:
        error = float(summary["errors"][certificate.field]["max"])
    except (KeyError, TypeError, ValueError):
        return certificate
    return certificate.against(error)


def _update_text(folder: Path, solution: Solution, name: str, certificate: Certificate) -> str:
    path = folder / run.TEXT
    text = path.read_text(encoding="utf-8") if path.is_file() else summary_text(solution, name)
    lines = [line for line in text.splitlines() if not line.startswith(_LINE)]
    bound = certificate.error_bound
    if bound is not None:
        lines.insert(
            max(len(lines) - 1, 1), f"{_LINE}: {certificate.field} is within {bound:.2e} everywhere"
        )
    return "\n".join(lines) + "\n"


def format_certificate(name: str, certificate: Certificate) -> str:
    """The certificate as lines that a person reads."""
    lines = [f"{name}: bounds of the error of {certificate.field}, {certificate.seconds:.0f} s"]
    for bound in certificate.bounds:
        lines += _format_bound(bound)
    for residual in certificate.residuals:
        lines.append(
            f"  largest residual: at least {residual.lower:.3e}, at most {residual.upper:.3e}"
            f" ({residual.boxes} boxes{'' if residual.complete else ', stopped by the budget'})"
        )
    lines += [f"  {r.theorem} does not apply: {r.reason}" for r in certificate.refusals]
    if not certificate.bounds:
        lines.append("  no theorem gives a bound; the estimate of the summary is an estimate")
    return "\n".join(lines)


def _format_bound(bound: Bound) -> list[str]:
    lines = [
        f"  {bound.theorem}",
        f"    {bound.norm.value}: at most {bound.upper:.3e}, at least {bound.lower:.3e}",
    ]
    if bound.norm is Norm.MAXIMUM and bound.error is not None:
        shown = "-" if bound.effectivity is None else f"{bound.effectivity:.3g}"
        lines.append(
            f"    against the reference {bound.error:.3e}: bound / error (effectivity) = {shown}"
        )
    constants = [f"{n} = {v:.4g}" for n, v in bound.constants.items()]
    if bound.note:
        constants.append(bound.note)
    return [*lines, f"    with {', '.join(constants)}"]


class _Heartbeat:
    """Says what is being done, at least every few seconds, while one long step runs."""

    def __init__(self) -> None:
        self._live = LiveLine(sys.stdout)
        self._text, self._begun = "starting", time.monotonic()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._shown = 0.0

    def __enter__(self) -> _Heartbeat:
        self._live.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._live.__exit__(kind, error, trace)

    def tell(self, text: str) -> None:
        """What is being done now."""
        self._text = text
        if time.monotonic() - self._shown >= _BEAT:
            self._show()

    def _show(self) -> None:
        with self._lock:
            self._shown = time.monotonic()
            self._live.show(f"{self._text} | {self._shown - self._begun:.0f} s", now=True)

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            if time.monotonic() - self._shown >= _BEAT:
                self._show()
