"""Grid extension as a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanpde.checks import require_one_of
from kanpde.network.bases.basis import Basis
from kanpde.training.stages.stage import Ended, Stage

if TYPE_CHECKING:
    from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class Extend(Stage):
    """Grid extension: refit every edge in a larger basis, by least squares.

    `basis` is the new basis; by default the next larger one of the family.
    """

    basis: Basis | None = None

    grows = True

    def __post_init__(self) -> None:
        if self.basis is not None:
            require_one_of("Extend: basis", self.basis, Basis, "such as Chebyshev(8)")

    def run(self, trainer: Trainer, ended: Ended | None = None) -> None:
        """Extend the network, or note why that is impossible."""
        if not trainer.network.extensible:
            trainer.session.note("grid extension left out: the network has no grid")
            return
        trainer.enter("grid extension", first_order=False)
        trainer.extend(self.basis)
