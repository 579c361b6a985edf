"""What `kanpde dataset` does: a generator from the options, and its samples in a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from kanpde.cli.options.dataset import (
    AllenCahnOptions,
    BurgersOptions,
    DarcyOptions,
    DatasetOptions,
    NavierStokesOptions,
)
from kanpde.cli.progress import Counter
from kanpde.errors import KanpdeError
from kanpde.operator.files import write_pairs
from kanpde.operator.generators import AllenCahn, Burgers, Darcy, Generator, NavierStokes
from kanpde.training.live import LiveLine


def run_darcy(options: DarcyOptions) -> None:
    """Make and write samples of Darcy flow."""
    _make(Darcy(), options, options.test_resolution or ())


def run_burgers(options: BurgersOptions) -> None:
    """Make and write samples of Burgers' equation."""
    _make(Burgers(options.viscosity, options.times, options.end), options)


def run_navier_stokes(options: NavierStokesOptions) -> None:
    """Make and write samples of the Navier-Stokes equations."""
    _make(NavierStokes(options.viscosity, options.times, options.end), options)


def run_allen_cahn(options: AllenCahnOptions) -> None:
    """Make and write samples of the Allen-Cahn equation."""
    _make(AllenCahn(options.width, options.times, options.end), options)


def _make(generator: Generator, options: DatasetOptions, further: Sequence[int] = ()) -> None:
    """Make a data set, with progress, and write it; `further` are resolutions of test samples."""
    out = options.out
    if out.exists():
        raise KanpdeError(f"{out} exists already; take another name with --out")
    counts = generator.splits(options.samples, options.tests)
    wanted = {name: (name, count, options.resolution) for name, count in counts.items()}
    for size in further:
        wanted[f"test_{size}"] = ("test", options.tests, size)
    for split, count, size in wanted.values():
        generator.check(split, count, size)
    with LiveLine(sys.stdout) as live:
        counter = Counter(live, sum(count for _, count, _ in wanted.values()))
        made = {
            name: generator.generate(split, count, size, options.seed, counter)
            for name, (split, count, size) in wanted.items()
            if count
        }
    parameters = {k: v for k, v in asdict(generator).items() if v is not None}
    write_pairs(out, made, generator.title, seed=options.seed, **parameters)
    shapes = ", ".join(f"{n} {len(p)} x {p.shape}" for n, p in made.items())
    print(f"wrote {out}: {shapes}")
