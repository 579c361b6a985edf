"""Networks of any form by automatic differentiation: slow, but general.

Jets come from nested reverse passes at one point, Jacobians from one more over these, and
torch.func maps both over the points. For a KAN, `pushforward` does the same by hand, in a
fraction of the time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vmap

from kanpde.network.jet import JetSet

PointFunction = Callable[[Tensor], Tensor]


class AutogradLinearization:
    """The jet of a module at points (N, dimension), and its pullbacks."""

    def __init__(self, module: nn.Module, points: Tensor, jets: JetSet) -> None:
        self._module, self._points, self._jets = module, points, jets
        self._theta = {n: p.detach() for n, p in module.named_parameters()}
        self.value = module_jet(module, points, jets)

    @property
    def parameters(self) -> int:
        """The number of parameters of the module."""
        return sum(p.numel() for p in self._theta.values())

    def _gradients(self, cotangent: Tensor) -> dict[str, Tensor]:
        """Each point's gradient by each parameter, (N, ...)."""

        def contract(theta: dict[str, Tensor], x: Tensor, weights: Tensor) -> Tensor:
            return (_jet_at(self._module, theta, x, self._jets) * weights).sum()

        each = vmap(grad(contract), in_dims=(None, 0, 2))
        return each(self._theta, self._points, cotangent)  # type: ignore[no-any-return]

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), in the order of `parameters()`."""
        return [g.sum(0) for g in self._gradients(cotangent).values()]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        parts = [g.flatten(1).T for g in self._gradients(cotangent).values()]
        torch.cat(parts, out=out)

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: the module's layers are not known."""
        raise NotImplementedError("a network by automatic differentiation has no factors")


def module_jet(module: nn.Module, points: Tensor, jets: JetSet) -> Tensor:
    """The jet (A, outputs, N) of a module that maps points (N, dimension) to (N, outputs)."""
    theta = {n: p.detach() for n, p in module.named_parameters()}
    with torch.no_grad():
        values = vmap(lambda x: _jet_at(module, theta, x, jets))(points)
    return values.permute(1, 2, 0)


def _jet_at(module: nn.Module, theta: dict[str, Tensor], x: Tensor, jets: JetSet) -> Tensor:
    """The jet (A, outputs) at one point (dimension,)."""

    def value(point: Tensor) -> Tensor:
        return functional_call(module, theta, (point[None],))[0]  # type: ignore[no-any-return]

    functions: dict[tuple[int, ...], PointFunction] = {jets.indices[0]: value}
    for index in jets.indices[1:]:
        axis = next(i for i, n in enumerate(index) if n)
        lower = tuple(n - (i == axis) for i, n in enumerate(index))
        functions[index] = _along(functions[lower], axis)
    return torch.stack([functions[index](x) for index in jets.indices])


def _along(function: PointFunction, axis: int) -> PointFunction:
    return lambda point: jacrev(function)(point)[:, axis]
