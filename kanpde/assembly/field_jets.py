"""From the jet of a network to the derivatives of the fields u = lift + mask * network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.lift import partial_derivative
from kanpde.network.jet import JetSet, leibniz
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol
from kanpde.symbols.interfaces import BEYOND, MATERIAL


class FieldJets:
    """Maps the network's jet to the field derivatives that some expressions hold."""

    def __init__(self, problem: Problem, ansatz: Ansatz, symbols: Sequence[FieldSymbol]) -> None:
        self.symbols = tuple(symbols)
        domain = problem.domain
        self.jets = JetSet.closing([s.index for s in symbols], domain.dimension)
        lifts: list[Any] = []
        masks: list[Any] = []
        # For each symbol: [(network output, jet position, column of masks or None, binomial)].
        self.terms: list[list[tuple[int, int, int | None, int]]] = []
        outputs = _enrichment_outputs(problem, ansatz)
        value = self.jets.position[(0,) * domain.dimension]
        for symbol in self.symbols:
            name, shift = _find_output(problem, ansatz, symbol)
            if not name:
                lifts.append(0)
                self.terms.append([(shift, value, None, 1)])
                continue
            output = problem.unknowns.index(name) + shift
            lifts.append(partial_derivative(ansatz.lift[name], domain, symbol.index))
            mask = ansatz.mask[name]
            terms: list[tuple[int, int, int | None, int]] = []
            for on_mask, on_network, binomial in leibniz(symbol.index):
                factor = partial_derivative(mask, domain, on_mask)
                if factor == 0:
                    continue
                position = self.jets.position[on_network]
                if factor == 1:
                    terms.append((output, position, None, binomial))
                else:
                    terms.append((output, position, len(masks), binomial))
                    masks.append(factor)
            for coefficient, function in outputs.get(name, ()):
                terms.append((coefficient + shift, value, len(masks), 1))
                masks.append(partial_derivative(mask * function, domain, symbol.index))
            self.terms.append(terms)
        axes = domain.symbols
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
        for terms, lift in zip(self.terms, lifts, strict=True):
            value = lift
            for output, position, mask, binomial in terms:
                term = network_jet[position, output]
                if mask is not None:
                    term = term * masks[mask]
                value = value + (term if binomial == 1 else binomial * term)
            out.append(value)
        return out

    def pull(self, slopes: Sequence[Tensor | None], masks: list[Tensor], out: Tensor) -> None:
        """Add the cotangent of the network's jet, given those of the symbols, to `out`."""
        for terms, slope in zip(self.terms, slopes, strict=True):
            if slope is None:
                continue
            for output, position, mask, binomial in terms:
                term = slope if mask is None else slope * masks[mask]
                out[position, output] += term if binomial == 1 else binomial * term


def _find_output(problem: Problem, ansatz: Ansatz, symbol: FieldSymbol) -> tuple[str, int]:
    """The field of a symbol, and where the outputs of its side begin.

    Of the symbol of a material no field, and its output (see `Patchwork`).
    """
    if not problem.materials or symbol.field in problem.unknowns:
        return symbol.field, 0
    count = len(problem.unknowns) + ansatz.coefficients
    if symbol.field.startswith(MATERIAL):
        return "", 2 * count + int(symbol.field.removeprefix(MATERIAL))
    return symbol.field.removesuffix(BEYOND), count


def _enrichment_outputs(problem: Problem, ansatz: Ansatz) -> dict[str, list[tuple[int, Any]]]:
    """For each enriched field the outputs of the network that are coefficients, with functions."""
    found: dict[str, list[tuple[int, Any]]] = {}
    output = len(problem.unknowns)
    shared = output
    for name, functions in ansatz.enrichment.items():
        first = shared if name in ansatz.coupled[1:] else output
        if name in ansatz.coupled[:1]:
            shared = output
        for k, function in enumerate(functions):
            found.setdefault(name, []).append((first + k, function))
        if name not in ansatz.coupled[1:]:
            output += len(functions)
    return found
