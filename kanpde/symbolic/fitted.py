"""What a fit of a table leaves: the network, formulas, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import sympy
import torch

from kanpde.arrays import Array
from kanpde.network.kan import KAN
from kanpde.symbolic.found import Found

# Held-out errors beyond this share of the spread are told with a warning.
_POOR = 0.5
# Held-out errors so much larger than those on the samples that trained, beyond what is small
# anyway, are told too.
_BY_HEART, _CLEAN = 3.0, 0.02


class Verdict(Enum):
    """What the first formula is; the value is advice."""

    EXACT = "the formula fits to rounding errors"
    WITHIN_NOISE = "what the formula leaves is noise: more samples would make its numbers sharper"
    NEAREST = "no closed form was found; the formula is the nearest"
    NONE = "no closed form was looked for or found"


@dataclass(frozen=True)
class Fitted:
    """y = f(x) from samples.

    `rmse` is on the samples that were held out, `training` on those that trained, in the units
    of y like `spread`, its standard deviation. `formulas` are ranked, with errors relative to
    the spread; the first counts as found where `verdict` says so. `candidates` are all that were
    looked at. `tolerance` is the relative error that was allowed, by the noise of the data unless
    it was given.
    """

    variables: tuple[str, ...]
    target: str
    network: KAN
    rmse: float
    training: float
    spread: float
    formulas: tuple[Found, ...]
    tolerance: float
    verdict: Verdict
    candidates: tuple[Found, ...] = ()

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return self.network.parameter_count

    @property
    def nearest(self) -> Found | None:
        """The best formula, whether or not it counts as found."""
        return self.formulas[0] if self.formulas else None

    @property
    def formula(self) -> sympy.Expr | None:
        """The formula, if one is exact or leaves nothing but noise."""
        found = self.verdict in (Verdict.EXACT, Verdict.WITHIN_NOISE)
        return self.formulas[0].formula if found else None

    @property
    def front(self) -> list[Found]:
        """The formulas that no smaller one is as near as: size against error, the smallest first.

        The size is the number of operations. A formula that takes off less than a tenth of the
        error is left out.
        """
        out: list[Found] = []
        for one in sorted(self.candidates, key=lambda f: (f.complexity, f.error)):
            if not out or one.error < 0.9 * out[-1].error:
                out.append(one)
        return out

    @property
    def noise(self) -> float:
        """The noise of y that the data show, in its units: what the best of all models leaves."""
        if self.formula is not None:
            return self.formulas[0].error * self.spread
        return self.rmse

    def __call__(self, **columns: Any) -> Array:
        """The network at named values, of their common shape."""
        parts = np.broadcast_arrays(*(np.asarray(columns[n], dtype=float) for n in self.variables))
        points = torch.from_numpy(np.stack([p.ravel() for p in parts], 1))
        with torch.no_grad():
            return np.asarray(self.network(points)[:, 0].numpy().reshape(parts[0].shape))

    def text(self) -> str:
        """What was found, for the terminal."""
        share = self.rmse / self.spread
        lines = [
            f"KAN: {self.parameters} parameters, error {self.rmse:.2g} on held-out samples "
            f"({share:.1e} of the spread of {self.target})"
        ]
        if share > _POOR:
            lines.append(
                f"warning: the network explains little of {self.target} on held-out samples "
                f"({share:.0%} of the spread): give more samples or fewer variables"
            )
        elif share > _CLEAN and self.rmse > _BY_HEART * self.training:
            lines.append(
                f"warning: the network knows its samples by heart (error {self.training:.2g} on "
                "those that trained): give more samples or fewer variables"
            )
        best = self.nearest
        if best is None:
            return "\n".join(lines)
        if self.verdict is Verdict.NEAREST:
            lines.append(
                f"no closed form was found; the nearest is off by {best.error:.1e}: "
                f"{best.formula.evalf(5)}"
            )
            return "\n".join(lines)
        digits = 8 if self.verdict is Verdict.EXACT else 5
        left = "relative error" if self.verdict is Verdict.EXACT else "noise that is left"
        lines.append(f"{self.target} = {best.formula.evalf(digits)}   ({left} {best.error:.1e})")
        return "\n".join(lines)
