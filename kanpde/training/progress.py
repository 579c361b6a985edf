"""What the live line says of a solve."""

from __future__ import annotations

from kanpde.reference import Reference
from kanpde.training.session import Progress


def describe_progress(progress: Progress, reference: Reference | None = None) -> str:
    """Stage, step, loss by condition, error or estimate, and time left of a solve.

    `reference` is the problem's, whose own error bounds what an error can mean.
    """
    losses = "  ".join(f"{name} {loss:.1e}" for name, loss in progress.losses.items())
    parts = [f"{progress.stage}  step {progress.step}", f"loss {losses}"]
    if progress.errors:
        shown = {n: _format_error(e.rel_l2, reference) for n, e in progress.errors.items()}
        parts.append("error " + " ".join(f"{n} {text}" for n, text in shown.items()))
    elif progress.estimate is not None:
        parts.append(f"estimated error {progress.estimate:.0e}")
    parts.append(f"{progress.seconds:.0f} s, at most {progress.left:.0f} s left")
    return " | ".join(parts)


def _format_error(error: float, reference: Reference | None) -> str:
    return f"{error:.1e}" if reference is None else reference.shown(error, digits=1)
