"""What the gallery shows: shipped problems and examples, and what the last build stored of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "docs" / "gallery"

# Pages come in this order; a folder of problems/ that is not named here comes after them.
GROUPS = {
    "first": "First equations",
    "navier_stokes": "Flow",
    "laplace": "Shapes",
    "poisson": "Shapes",
    "heat": "Heat on shapes and meshes",
    "elasticity": "Solids",
    "hyperelasticity": "Solids",
    "fracture": "Solids",
    "helmholtz": "Waves",
    "electrostatics": "Electrostatics",
    "inverse": "Unknown numbers, fields and laws",
    "parametric": "One solution for all parameters",
    "examples": "From Python",
}

# Some problems are shown with other parameters, too.
VARIANTS = {
    "navier_stokes/cavity": ("reynolds=400",),
    "burgers": ("nu=0.1",),
    "helmholtz": ("modes_y=8",),
}
# Seconds of training of those that take longer than the others.
LONGER = {
    "advection": 80, "helmholtz-scattering": 110, "hyperelasticity-beam": 80,
    "inverse-cooling_plate": 80, "inverse-nonlinear_heat": 60, "inverse-wake": 120, "kdv": 80,
    "parametric-burgers": 80, "parametric-plate_with_hole": 80,
    "navier_stokes-cavity-reynolds-400": 80,
}  # fmt: skip
# An example that needs a run beside it is shown by that run's entry.
NOT_SHOWN = {"look_at_derivatives", "what_matters"}


@dataclass(frozen=True)
class Entry:
    """A file that is run, with its arguments; `slug` names its page and what is stored of it."""

    slug: str
    group: str
    source: Path
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """What a reader types to see the same."""
        return " ".join(self.arguments)

    @property
    def title(self) -> str:
        """The first sentence of the file's docstring."""
        text = self.source.read_text(encoding="utf-8")
        first = text.split('"""')[1].strip().splitlines()[0].rstrip(".")
        setting = self.arguments[-1] if "--set" in self.arguments else ""
        return f"{first}; {setting}" if setting else first

    @property
    def digest(self) -> str:
        """Of the file: what was stored for another text of it no longer fits."""
        return hashlib.sha256(self.source.read_bytes()).hexdigest()[:16]

    @property
    def picture(self) -> Path:
        return STORE / f"{self.slug}.png"

    @property
    def record(self) -> Path:
        return STORE / f"{self.slug}.json"

    def stored(self) -> dict[str, object] | None:
        """What the last build wrote, or None where it has not run this entry."""
        if not self.record.exists():
            return None
        return json.loads(self.record.read_text(encoding="utf-8"))

    def fits(self) -> bool:
        """Whether what is stored belongs to the file as it is."""
        stored = self.stored()
        return stored is not None and stored["digest"] == self.digest


def entries() -> tuple[Entry, ...]:
    """All entries, by group and name."""
    found = [*_problems(), *_examples()]
    order = list(GROUPS)
    return tuple(
        sorted(
            found, key=lambda e: (order.index(e.group) if e.group in order else len(order), e.slug)
        )
    )


def _problems() -> Iterator[Entry]:
    folder = ROOT / "problems"
    for path in sorted(folder.rglob("*.py")):
        if path.name.startswith("_"):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        group = name.split("/")[0] if "/" in name else "first"
        for setting in ("", *VARIANTS.get(name, ())):
            options = ("--set", setting) if setting else ()
            slug = "-".join([name.replace("/", "-"), *([setting] if setting else [])])
            yield Entry(slug.replace("=", "-"), group, path, ("kanpde", "solve", name, *options))


def _examples() -> Iterator[Entry]:
    for path in sorted((ROOT / "examples").glob("*.py")):
        if path.stem not in NOT_SHOWN:
            yield Entry(
                f"examples-{path.stem}", "examples", path, ("python", f"examples/{path.name}")
            )
