"""A trained operator: networks with the normalisation and the grid that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs, Layout, PointPairs, stack_fields
from kanpde.operator.networks.branch import BranchTrunk
from kanpde.operator.networks.fno import FNO
from kanpde.operator.symmetry import motions

Architecture = FNO | BranchTrunk
_CHUNK = 2**22  # numbers of one channel in flight


@dataclass(frozen=True)
class Signature:
    """What an operator takes and gives: names, grid, and the statistics of its training data.

    Where the outputs are the inputs at a later time, the network predicts their change, and the
    statistics of the output are those of the change.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    axes: tuple[str, ...]
    periodic: tuple[bool, ...]
    lower: tuple[float, ...]
    extent: tuple[float, ...]
    shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    symmetry: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    input_mean: tuple[float, ...]
    input_scale: tuple[float, ...]
    output_mean: tuple[float, ...]
    output_scale: tuple[float, ...]
    time_step: float | None = None
    horizon: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The axes, as data call them."""
        return self.axes

    @staticmethod
    def of(pairs: AnyPairs) -> Signature:
        """The signature of training data."""
        ins, outs = list(pairs.inputs.values()), list(pairs.outputs.values())
        if tuple(pairs.inputs) == tuple(pairs.outputs):
            outs = [after - before for before, after in zip(ins, outs, strict=True)]
        step, horizon = (pairs.attributes.get(k) for k in ("time_step", "horizon"))
        return Signature(
            tuple(pairs.inputs),
            tuple(pairs.outputs),
            pairs.names,
            pairs.periodic,
            *pairs.box,
            pairs.shape,
            pairs.input_shape,
            pairs.symmetry,
            tuple(float(v.min()) for v in ins),
            tuple(float(v.max()) for v in ins),
            tuple(float(v.mean()) for v in ins),
            tuple(_scale(v) for v in ins),
            tuple(float(v.mean()) for v in outs),
            tuple(_scale(v) for v in outs),
            None if step is None else float(step),
            None if horizon is None else float(horizon),
        )

    def apply(self, network: nn.Module, x: Tensor, where: Tensor) -> Tensor:
        """The network's outputs in the units of the data, for inputs x in theirs.

        It sees inputs of mean 0 and deviation 1 over the training data, and gives such outputs.
        """
        v = (x - _column(self.input_mean, x)) / _column(self.input_scale, x)
        y: Tensor = network(v, where)
        y = y * _column(self.output_scale, y) + _column(self.output_mean, y)
        return x + y if self.inputs == self.outputs else y


def build_shapes(architecture: Architecture, data: Layout) -> nn.Module:
    """The network for data of this kind on the device `meta`: its shapes, without memory.

    Raises KanpdeError for sizes that no machine can count.
    """
    try:
        with torch.device("meta"):
            return architecture.build(data, None)
    except RuntimeError as error:
        raise KanpdeError(f"the network is too large ({error}); take a smaller one") from error


def _scale(values: Array) -> float:
    return float(values.std()) or 1.0


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    column = torch.tensor(values, dtype=like.dtype, device=like.device)
    return column.view(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Prediction:
    """Fields (N, n_1, .., n_d) by name; `spread`, the deviation among the members, if several."""

    fields: dict[str, Array]
    spread: dict[str, Array]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Operator:
    """A solution operator: one network, or an ensemble whose mean is the answer.

    `symmetrize` averages each network over the symmetries of the problem, which makes it commute
    with them exactly.
    """

    signature: Signature
    plan: Architecture
    networks: tuple[nn.Module, ...]
    symmetrize: bool = True
    story: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """The number of real parameters of one network."""
        return sum(p.numel() for p in self.networks[0].parameters())

    def __call__(self, pairs: AnyPairs) -> Prediction:
        """The outputs for the inputs of `pairs`, on their grid.

        Raises KanpdeError for other fields or axes than those trained on, or a grid that is too
        coarse for the modes.
        """
        check_pairs(self.signature, pairs)
        self.networks[0].check(pairs.shape)  # type: ignore[operator]
        x = torch.from_numpy(stack_fields(pairs.inputs, pairs.input_shape))
        where = torch.from_numpy(pairs.coordinates(self.signature.lower, self.signature.extent))
        each = [self._evaluate(network, x, where) for network in self.networks]
        members = np.stack(each)
        mean = members.mean(0)
        names = self.signature.outputs
        spread = members.std(0, ddof=1) if len(each) > 1 else ()
        return Prediction(
            dict(zip(names, mean, strict=True)),
            dict(zip(names, spread, strict=True)) if len(each) > 1 else {},
            tuple(find_extrapolation(self.signature, pairs)),
        )

    def _evaluate(self, network: nn.Module, x: Tensor, where: Tensor) -> Array:
        like = next(network.parameters())
        group = motions(self.signature.symmetry if self.symmetrize else "none")
        size = max(1, _CHUNK // (where[0].numel() * getattr(self.plan, "width", 1)))
        where = where.to(like)
        parts = []
        with torch.no_grad():
            for chunk in x.split(size, dim=1):
                v = chunk.to(like)
                each = [m.inverse(self.signature.apply(network, m(v), where)) for m in group]
                parts.append(torch.stack(each).mean(0).cpu())
        return np.asarray(torch.cat(parts, 1).numpy())


def check_pairs(signature: Signature, pairs: AnyPairs) -> None:
    """Raise KanpdeError unless the inputs and axes are those of the signature."""
    scattered = not signature.periodic
    if scattered != isinstance(pairs, PointPairs):
        kinds = "scattered points", "a grid"
        raise KanpdeError(
            f"the data are on {kinds[scattered]}, and the operator was trained on "
            f"{kinds[not scattered]}"
        )
    for what, have, want in (
        ("axes", pairs.names, signature.axes),
        ("inputs", tuple(pairs.inputs), signature.inputs),
    ):
        if have != want:
            raise KanpdeError(
                f"the {what} are {', '.join(have)}, and the operator was trained with "
                f"{', '.join(want)}"
            )
    if scattered and pairs.input_shape != signature.input_shape:
        raise KanpdeError(
            f"there are {pairs.input_shape[0]} sensors, and the operator was trained with "
            f"{signature.input_shape[0]}"
        )
    for name, periodic, wanted in zip(
        pairs.names, pairs.periodic, signature.periodic, strict=False
    ):
        if periodic != wanted:
            raise KanpdeError(
                f"axis {name} is {'' if periodic else 'not '}periodic, and in the training data "
                "it was otherwise"
            )


def find_extrapolation(signature: Signature, pairs: AnyPairs) -> list[str]:
    """What lies outside of the training data, and how far."""
    found = []
    for k, (name, values) in enumerate(pairs.inputs.items()):
        low, high = signature.low[k], signature.high[k]
        span = (high - low) or 1.0
        beyond = max(float(values.max()) - high, low - float(values.min())) / span
        if beyond > 0.01:
            flat = values.reshape(len(values), -1)
            count = int(((flat.max(1) > high) | (flat.min(1) < low)).sum())
            found.append(
                f"input {name} leaves the range trained on, [{low:.4g}, {high:.4g}], by "
                f"{100 * beyond:.0f} % of its width in {count} of {len(flat)} samples: the "
                "prediction is an extrapolation there"
            )
    for k, name in enumerate(pairs.names):
        start, length = pairs.box[0][k], pairs.box[1][k]
        low, extent = signature.lower[k], signature.extent[k]
        moved = abs(start - low) if k >= len(pairs.periodic) or not pairs.periodic[k] else 0.0
        off = max(moved, abs(length - extent)) / extent
        # Grids of the same box at another resolution begin and end up to a spacing elsewhere.
        spacing = 0.0 if not pairs.periodic else 1 / signature.shape[k] + 1 / pairs.shape[k]
        if off > 0.01 + 1.01 * spacing:
            found.append(
                f"axis {name} covers a length of {length:.4g} from {start:.4g}, another box than "
                f"the one trained on (a length of {extent:.4g} from {low:.4g})"
            )
    return found
