"""Convolutions by Fourier modes (Li et al., Fourier Neural Operator, 2021, section 4).

Fields are (channels, samples, n_1, .., n_d) throughout: the pointwise maps are then plain matrix
products over all points. Coefficients are those of "forward" transforms, which do not depend on
the number of points; wavenumbers -modes .. modes are kept, so that a grid needs 2 modes + 1
points along each axis.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.operator.networks.parameters import make_parameter


def pad_length(points: int, padding: float) -> int:
    """The length of a row that is filled up with zeros by the fraction `padding`."""
    return points + round(padding * points)


def check_grid(shape: Sequence[int], modes: Sequence[int], padding: Sequence[float]) -> None:
    """Raise KanpdeError for a grid that does not carry the modes."""
    for n, m, p in zip(shape, modes, padding, strict=True):
        if pad_length(n, p) < 2 * m + 1:
            raise KanpdeError(
                f"a grid of {' x '.join(map(str, shape))} points is too coarse for {m} Fourier "
                f"modes: at least {math.ceil((2 * m + 1) / (1 + p))} points are needed along an "
                "axis"
            )


class Convolution(nn.Module, ABC):
    """A linear map of fields (inputs, B, n_1, .., n_d) that commutes with shifts.

    `modes` and `padding` have an entry for each axis. `padding` fills an axis with zeros before
    the transform, so that the ends of an axis that is not periodic do not meet.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        modes: Sequence[int],
        padding: Sequence[float],
        generator: torch.Generator | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.modes, self.padding = tuple(modes), tuple(padding)

        def normal(shape: tuple[int, ...], scaled: Callable[[Tensor], Tensor]) -> nn.Parameter:
            def start() -> Tensor:
                return scaled(torch.randn(shape, generator=generator, dtype=dtype))

            return make_parameter(shape, dtype, start)

        self._start(inputs, outputs, normal)

    @abstractmethod
    def _start(self, inputs: int, outputs: int, normal: Callable[..., nn.Parameter]) -> None:
        """Make the weights, `normal(shape, scaled)` of standard normal numbers."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """(inputs, B, n_1, .., n_d) -> (outputs, B, n_1, .., n_d)."""


class SpectralConv(Convolution):
    """y^(k) = R(k) x^(k) for |k_i| <= modes_i, a full matrix R for each wavenumber."""

    def _start(self, inputs: int, outputs: int, normal: Callable[..., nn.Parameter]) -> None:
        kept = [2 * m + 1 for m in self.modes[:-1]] + [self.modes[-1] + 1]
        shape = math.prod(kept), inputs, outputs, 2
        self.weight = normal(shape, lambda start: start / math.sqrt(2 * inputs))

    def forward(self, x: Tensor) -> Tensor:
        """(inputs, B, n_1, .., n_d) -> (outputs, B, n_1, .., n_d)."""
        points = x.shape[2:]
        axes = tuple(range(2, x.ndim))
        sizes = [pad_length(n, p) for n, p in zip(points, self.padding, strict=True)]
        spectrum = torch.fft.rfftn(x, s=sizes, dim=axes, norm="forward")
        rows = [
            torch.arange(-m, m + 1, device=x.device) % n
            for m, n in zip(self.modes[:-1], sizes, strict=False)
        ]
        low = spectrum[..., : self.modes[-1] + 1]
        for axis, index in enumerate(rows):
            low = low.index_select(axis + 2, index)
        modes = low.flatten(2).permute(2, 1, 0)
        mixed = torch.bmm(modes, torch.view_as_complex(self.weight)).permute(2, 1, 0)
        out = mixed.reshape(mixed.shape[0], x.shape[1], *low.shape[2:])
        for axis, index in reversed(list(enumerate(rows))):
            shape = list(out.shape)
            shape[axis + 2] = sizes[axis]
            out = out.new_zeros(shape).index_copy(axis + 2, index, out)
        y: Tensor = torch.fft.irfftn(out, s=sizes, dim=axes, norm="forward")
        for axis, n in zip(axes, points, strict=True):
            y = y.narrow(axis, 0, n)
        return y


class FactorizedConv(Convolution):
    """A sum of convolutions along one axis each (Tran et al., Factorized FNO, 2023, eq. 8).

    Its weights grow with the sum of the modes where those of `SpectralConv` grow with the product.
    """

    def _start(self, inputs: int, outputs: int, normal: Callable[..., nn.Parameter]) -> None:
        scale = 1 / math.sqrt(2 * inputs * len(self.modes))
        self.weights = nn.ParameterList(
            normal((m + 1, inputs, outputs, 2), lambda start: scale * start) for m in self.modes
        )

    def forward(self, x: Tensor) -> Tensor:
        """(inputs, B, n_1, .., n_d) -> (outputs, B, n_1, .., n_d)."""
        y = self._along(x, 0)
        for axis in range(1, len(self.modes)):
            y = y + self._along(x, axis)
        return y

    def _along(self, x: Tensor, axis: int) -> Tensor:
        points, modes = x.shape[axis + 2], self.modes[axis]
        there, back = fourier_matrices(points, modes, self.padding[axis], x.dtype, x.device)
        rows = x.movedim(axis + 2, 0)
        shape = rows.shape
        # (2 m + 2, inputs, ..): the real, then the imaginary parts.
        low = (there @ rows.flatten(1)).view(2, modes + 1, shape[1], -1)
        weight = self.weights[axis]
        real, imaginary = weight[..., 0].transpose(1, 2), weight[..., 1].transpose(1, 2)
        mix = torch.cat(
            [torch.cat([real, -imaginary], 2), torch.cat([imaginary, real], 2)], 1
        )  # (m + 1, 2 outputs, 2 inputs)
        mixed = torch.bmm(mix, low.transpose(0, 1).flatten(1, 2))
        mixed = mixed.view(modes + 1, 2, -1).transpose(0, 1).flatten(0, 1)
        y = back @ mixed
        return y.view(points, -1, *shape[2:]).movedim(0, axis + 2)


@lru_cache(maxsize=64)
def fourier_matrices(
    points: int, modes: int, padding: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The transform of a row to its modes 0 .. modes and back, as real matrices.

    (2 modes + 2, points) gives the real parts and then the imaginary parts of the modes of the
    padded row; (points, 2 modes + 2) is rfft's inverse. For the few modes that are kept the
    products are faster than the FFT: 4.2 ms against 7.1 for a layer on 16 x 16 points.
    """
    size = pad_length(points, padding)
    k = torch.arange(modes + 1, dtype=torch.float64)[:, None]
    angle = 2 * math.pi * k * torch.arange(points, dtype=torch.float64) / size
    there = torch.cat([angle.cos(), -angle.sin()]) / size
    twice = torch.where((k == 0) | (2 * k == size), 1.0, 2.0)
    back = torch.cat([twice * angle.cos(), -twice * angle.sin()]).T
    return there.to(device, dtype), back.contiguous().to(device, dtype)
