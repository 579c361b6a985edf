"""Jets through the layers of a KAN, and back: the derivatives that training needs.

Forward, a layer's features are the jets of its basis functions, (B_k o s)_a = sum_m B_k^(m)(s)
Y_{a,m}, and its outputs one matrix product with the coefficients. Backward, each sample's
sensitivity with respect to a layer's coefficients is (sensitivity of the outputs) x (features):
samples do not mix, so the Jacobian of a residual vector costs one reverse pass. Samples are the
last dimension, and long batches are best cut into blocks that fit the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from kanpde.network.bases.basis import Basis
from kanpde.network.jet import JetSet, chain_factors, compose, compose_adjoint


class Layer(Protocol):
    """What a layer of edges is to its jets: y = C B(s) + b, s = tanh(x) where it squashes."""

    inputs: int
    outputs: int
    basis: Basis
    squash: bool
    grid: Tensor | None
    coefficients: nn.Parameter
    bias: nn.Parameter


class LayerState:
    """What one layer keeps from the forward pass for the reverse pass."""

    __slots__ = ("bases", "features", "inner", "jets", "layer", "squashed", "tanh")

    def __init__(self, layer: Layer, inner: Tensor, jets: JetSet) -> None:
        self.layer, self.inner, self.jets = layer, inner, jets
        self.tanh: list[Tensor] = []
        self.squashed = inner
        if layer.squash:
            self.tanh = tanh_derivatives(inner[0], jets.order + 1)
            self.squashed = compose(jets, self.tanh, inner)
        self.bases = layer.basis.derivatives(self.squashed[0], jets.order + 1, layer.grid)
        self.features = self._features()

    def _features(self) -> Tensor:
        """The jets of the basis functions, (A, size, inputs, N)."""
        out = self.inner.new_empty(len(self.jets.indices), *self.bases[0].shape)
        for a, rows in enumerate(chain_factors(self.jets, self.squashed)):
            for j, (m, factor) in enumerate(rows):
                if factor is None:
                    out[a] = self.bases[m]
                elif j == 0:
                    torch.mul(self.bases[m], factor, out=out[a])
                else:
                    out[a].addcmul_(self.bases[m], factor)
        return out

    def output(self) -> Tensor:
        """The jet (A, outputs, N) of the layer's outputs."""
        out = torch.matmul(self.layer.coefficients.detach().flatten(1), self.features.flatten(1, 2))
        out[0] += self.layer.bias.detach()[:, None]
        return out

    def gradients(self, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficient and bias gradients, summed over the samples."""
        coefficients = torch.zeros_like(self.layer.coefficients).flatten(1)
        for a in range(len(cotangent)):
            coefficients.addmm_(cotangent[a], self.features[a].flatten(0, 1).T)
        return coefficients.view_as(self.layer.coefficients), cotangent[0].sum(1)

    def jacobian(self, cotangent: Tensor, coefficients: Tensor, bias: Tensor) -> None:
        """Write each sample's coefficient and bias gradient, (parameters, N), in place."""
        outputs, samples = cotangent.shape[1:]
        block = coefficients.view(outputs, -1, samples)
        features = self.features.flatten(1, 2)
        torch.mul(cotangent[0][:, None], features[0][None], out=block)
        for a in range(1, len(cotangent)):
            block.addcmul_(cotangent[a][:, None], features[a][None])
        bias.copy_(cotangent[0])

    def input_cotangent(self, cotangent: Tensor) -> Tensor:
        """The cotangent (A, inputs, N) of the layer's inputs."""
        weights = self.layer.coefficients.detach().flatten(1).T
        shape = self.features.shape[1:]
        lower: dict[tuple[int, int], Tensor] = {}
        upper: dict[tuple[int, int], Tensor] = {}
        for a, rows in enumerate(self.jets.composition):
            pulled = (weights @ cotangent[a]).view(shape)
            for m, _ in rows:
                if (a, m) not in lower and m > 0:
                    lower[a, m] = (pulled * self.bases[m]).sum(0)
                upper[a, m] = (pulled * self.bases[m + 1]).sum(0)
                if m + 1 <= rows[-1][0]:
                    lower[a, m + 1] = upper[a, m]
        out = compose_adjoint(self.jets, self.squashed, lower, upper)
        if not self.layer.squash:
            return out
        lower, upper = {}, {}
        for a, rows in enumerate(self.jets.composition):
            for m, _ in rows:
                lower[a, m] = out[a] * self.tanh[m]
                upper[a, m] = out[a] * self.tanh[m + 1]
        return compose_adjoint(self.jets, self.inner, lower, upper)


class LayeredLinearization:
    """The jet of a network at some points, and its pullbacks to the parameters."""

    def __init__(self, states: Sequence[LayerState], value: Tensor) -> None:
        self.states, self.value = states, value

    @property
    def parameters(self) -> int:
        """The number of parameters of the network."""
        return sum(s.layer.coefficients.numel() + s.layer.outputs for s in self.states)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), in the order of `parameters()`."""
        out: list[Tensor] = []
        for k, state in reversed(list(enumerate(self.states))):
            out = [*state.gradients(cotangent), *out]
            if k:
                cotangent = state.input_cotangent(cotangent)
        return out

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each sample's parameter gradient, written to `out` of shape (P, N)."""
        end = len(out)
        for k, state in reversed(list(enumerate(self.states))):
            layer = state.layer
            start = end - layer.outputs
            first = start - layer.coefficients.numel()
            state.jacobian(cotangent, out[first:start], out[start:end])
            end = first
            if k:
                cotangent = state.input_cotangent(cotangent)

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each layer the sensitivities (A, outputs, N) and the features (A, inputs, N).

        A sample's gradient by the layer's coefficients is the sum over A of their outer products.
        """
        out = []
        for k, state in reversed(list(enumerate(self.states))):
            out.append((cotangent, state.features.flatten(1, 2)))
            if k:
                cotangent = state.input_cotangent(cotangent)
        return out[::-1]


def linearize(inner: Tensor, layers: Sequence[Layer], jets: JetSet) -> LayeredLinearization:
    """Push the jet (A, inputs, N) of the network's inputs through its layers."""
    states = []
    for layer in layers:
        state = LayerState(layer, inner, jets)
        states.append(state)
        inner = state.output()
    return LayeredLinearization(states, inner)


def push(inner: Tensor, layers: Sequence[Layer], jets: JetSet) -> Tensor:
    """Only the jet (A, outputs, N), without what a reverse pass needs."""
    for layer in layers:
        inner = LayerState(layer, inner, jets).output()
    return inner


def tanh_derivatives(x: Tensor, order: int) -> list[Tensor]:
    """[tanh, tanh', ...]; each is a polynomial P_m in t = tanh x, P_{m+1} = (1 - t^2) P_m'."""
    t = torch.tanh(x)
    out = [t]
    polynomial = [0.0, 1.0]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(polynomial)][1:]
        polynomial = [0.0] * (len(slope) + 2)
        for k, c in enumerate(slope):
            polynomial[k] += c
            polynomial[k + 2] -= c
        value = torch.full_like(t, polynomial[-1])
        for c in reversed(polynomial[:-1]):
            value = value.mul_(t)
            if c:
                value = value.add_(c)
        out.append(value)
    return out
