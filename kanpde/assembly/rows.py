"""From a problem, an ansatz and points to one weighted residual vector and its Jacobian."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from kanpde.assembly.ansatz import Ansatz, jets_of
from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.jet import JetSet, leibniz
from kanpde.network.kan import KAN
from kanpde.network.pushforward import Linearization, push
from kanpde.problem.problem import Equation, Problem
from kanpde.symbols.expression import FieldSymbol, jets_in

# Samples a block of the reverse pass holds: its features and Jacobian stay near the caches.
BLOCK = 1536


class FieldJets:
    """Maps the network's jet to the field derivatives that some expressions hold."""

    def __init__(self, problem: Problem, ansatz: Ansatz, symbols: Sequence[FieldSymbol]) -> None:
        self.symbols = tuple(symbols)
        box = problem.box
        self.jets = JetSet.closing([s.index for s in symbols], box.dimension)
        lifts: list[Any] = []
        masks: list[Any] = []
        # For each symbol: (network output, [(jet position, column of masks or None, binomial)]).
        self.terms: list[tuple[int, list[tuple[int, int | None, int]]]] = []
        for symbol in self.symbols:
            output = problem.unknowns.index(symbol.field)
            lifts.append(jets_of(ansatz.lift[symbol.field], box, symbol.index))
            mask = ansatz.mask[symbol.field]
            terms: list[tuple[int, int | None, int]] = []
            for on_mask, on_network, binomial in leibniz(symbol.index):
                factor = jets_of(mask, box, on_mask)
                if factor == 0:
                    continue
                position = self.jets.position[on_network]
                if factor == 1:
                    terms.append((position, None, binomial))
                else:
                    terms.append((position, len(masks), binomial))
                    masks.append(factor)
            self.terms.append((output, terms))
        axes = [axis.sympy for axis in box.axes]
        self._lifts = compile_expressions(axes, lifts) if lifts else None
        self._masks = compile_expressions(axes, masks) if masks else None

    def constants(self, points: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Derivatives of the lift (one a symbol) and of the mask at points (N, dimension)."""
        columns = [c.contiguous() for c in points.unbind(1)]
        lifts = self._lifts(*columns) if self._lifts else []
        return lifts, self._masks(*columns) if self._masks else []

    def fields(self, network_jet: Tensor, lifts: list[Tensor], masks: list[Tensor]) -> list[Tensor]:
        """The value (N,) of each symbol, from the network's jet (A, outputs, N)."""
        out = []
        for (output, terms), lift in zip(self.terms, lifts, strict=True):
            value = lift
            for position, mask, binomial in terms:
                term = network_jet[position, output]
                if mask is not None:
                    term = term * masks[mask]
                value = value + (term if binomial == 1 else binomial * term)
            out.append(value)
        return out

    def pull(self, slopes: Sequence[Tensor | None], masks: list[Tensor], out: Tensor) -> None:
        """Add the cotangent of the network's jet, given those of the symbols, to `out`."""
        for (output, terms), slope in zip(self.terms, slopes, strict=True):
            if slope is None:
                continue
            for position, mask, binomial in terms:
                term = slope if mask is None else slope * masks[mask]
                out[position, output] += term if binomial == 1 else binomial * term


class EquationSet:
    """Equations on one region, compiled once; `at(points)` gives rows at any points."""

    def __init__(self, problem: Problem, ansatz: Ansatz, equations: Sequence[Equation]) -> None:
        self.equations = tuple(equations)
        symbols = jets_in(*(e.expression for e in equations))
        self.fieldjets = FieldJets(problem, ansatz, symbols)
        arguments = [a.sympy for a in problem.box.axes] + list(symbols)
        # Where the partial derivatives of equation e with respect to symbol s stand.
        self.slots: list[list[int | None]] = []
        outputs = [e.expression for e in equations]
        self._residual = compile_expressions(arguments, outputs)
        outputs = list(outputs)
        for equation in equations:
            row: list[int | None] = []
            for symbol in symbols:
                slope = equation.expression.diff(symbol)
                row.append(None if slope == 0 else len(outputs))
                if slope != 0:
                    outputs.append(slope)
            self.slots.append(row)
        self._slopes = compile_expressions(arguments, outputs)

    def at(
        self,
        network: KAN,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers = SERIAL,
    ) -> BoundRows:
        """Rows at points (N, dimension) with a weight (N,) for each equation."""
        return BoundRows(self, network, points, tuple(weights), workers)


class BoundRows:
    """An EquationSet at given points."""

    def __init__(
        self,
        system: EquationSet,
        network: KAN,
        points: Tensor,
        weights: tuple[Tensor, ...],
        workers: Workers,
    ) -> None:
        self.system, self.points, self.weights, self.workers = system, points, weights, workers
        fieldjets = system.fieldjets
        self.columns = [c.contiguous() for c in points.unbind(1)]
        self.lifts, self.masks = fieldjets.constants(points)
        self.inner = network.coordinates.jet(points, fieldjets.jets)
        self.observed = [
            None if e.observed is None else torch.as_tensor(e.observed).to(points)
            for e in system.equations
        ]

    @property
    def count(self) -> int:
        return len(self.weights) * len(self.points)

    @cached_property
    def blocks(self) -> list[slice]:
        """The samples of each block."""
        return self.workers.slices(len(self.points), BLOCK)

    def _arguments(self, jet: Tensor, at: slice) -> list[Tensor]:
        lifts = [v[at] for v in self.lifts]
        masks = [v[at] for v in self.masks]
        return [c[at] for c in self.columns] + self.system.fieldjets.fields(jet, lifts, masks)

    def _offset(self, values: list[Tensor], at: slice) -> list[Tensor]:
        return [v if o is None else v - o[at] for v, o in zip(values, self.observed, strict=True)]

    def residual(self, network: KAN, *, weighted: bool = True) -> Tensor:
        """(equations, N)."""

        def block(at: slice) -> Tensor:
            jet = push(self.inner[:, :, at], network.stack, self.system.fieldjets.jets)
            values = self._offset(self.system._residual(*self._arguments(jet, at)), at)
            if weighted:
                values = [v * w[at] for v, w in zip(values, self.weights, strict=True)]
            return torch.stack(values)

        return torch.cat(self.workers.map(block, self.blocks), 1)

    def linearized(
        self, network: KAN, at: slice
    ) -> tuple[Linearization, list[Tensor], list[Tensor]]:
        """Of one block: the linearization, each equation's weighted residual and cotangent."""
        fieldjets = self.system.fieldjets
        lin = network.linearize_jet(self.inner[:, :, at], fieldjets.jets)
        values = self.system._slopes(*self._arguments(lin.value, at))
        masks = [v[at] for v in self.masks]
        count = len(self.weights)
        residuals = [
            v * w[at] for v, w in zip(self._offset(values[:count], at), self.weights, strict=True)
        ]
        cotangents = []
        for slots, weight in zip(self.system.slots, self.weights, strict=True):
            cotangent = torch.zeros_like(lin.value)
            slopes = [None if k is None else values[k] * weight[at] for k in slots]
            fieldjets.pull(slopes, masks, cotangent)
            cotangents.append(cotangent)
        return lin, residuals, cotangents


def group(equations: Sequence[Equation]) -> list[list[Equation]]:
    """Equations by region, in order: those of one region share points and jets."""
    groups: dict[Hashable, list[Equation]] = {}
    for equation in equations:
        groups.setdefault(equation.region.key(), []).append(equation)
    return list(groups.values())


def bind(system: EquationSet, network: KAN, points: Tensor) -> BoundRows:
    """Unweighted rows at given points, to look at residuals."""
    ones = torch.ones_like(points[:, 0])
    return system.at(network, points, [ones] * len(system.equations))
