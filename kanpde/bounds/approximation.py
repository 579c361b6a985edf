"""An approximation of the solution: a piece of a trained solution, with a spline added.

w = u + mask * spline holds the conditions that u holds by construction, and has a much smaller
residual; so what a theorem says of w is much sharper, and the distance of u from w is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.lift import evaluate_at, partial_derivative
from kanpde.bounds.expressions import Evaluation
from kanpde.bounds.faces import Patch
from kanpde.bounds.field_models import Boxes, coordinate_models
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import monomials
from kanpde.bounds.network_model import enclose_network
from kanpde.bounds.places import BoxPlace, FacePlace, Place
from kanpde.bounds.splines import Nodes, Spline
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.network.jet import leibniz
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece
from kanpde.symbols.expression import FieldSymbol, NormalSymbol, jets_in


@dataclass(frozen=True)
class Approximation:
    """A piece of a solution, and a spline on its first field, or none.

    Raises NotCovered where the field has singular functions of corners: their second derivatives
    have no bounds there.
    """

    problem: Problem
    piece: Piece
    spline: Spline | None = None

    def __post_init__(self) -> None:
        for name in self.piece.ansatz.enrichment:
            if name not in self.problem.enrich:
                raise NotCovered(
                    f"{name} is enriched by singular functions of the corners of the shape, which "
                    "bounds do not know"
                )

    def corrected(self, spline: Spline) -> Approximation:
        """The same with this spline."""
        return replace(self, spline=spline)

    @property
    def name(self) -> str:
        return self.problem.unknowns[0]

    @property
    def symbol(self) -> FieldSymbol:
        """The field, as expressions hold it."""
        names = self.problem.domain.names
        return FieldSymbol(self.name, names, (0,) * len(names))

    def evaluation(self, boxes: Boxes, expressions: Sequence[Any], degree: int) -> EvaluationPair:
        """Evaluations of the field without and with the spline, for these expressions."""
        space = monomials(self.problem.domain.dimension, degree)
        place = BoxPlace(space, boxes, self.problem.domain)
        return EvaluationPair(self, place, jets_in(*expressions))

    def on_boundary(
        self, patch: Patch, boxes: Boxes, expression: Any, degree: int
    ) -> EvaluationPair:
        """The same on parts of the boundary, for first derivatives."""
        space = monomials(self.problem.domain.dimension, degree)
        place = FacePlace(space, patch, boxes, self.problem.domain)
        return EvaluationPair(self, place, jets_in(expression))

    def evaluate(self, names: Sequence[str], points: Array) -> dict[str, Array]:
        """Derivatives such as "u_x" at points (N, d), without the spline."""
        return Evaluator(self.problem, self.piece.ansatz, names)(self.piece.network, points)

    def values(self, expression: Any, points: Array, normals: Array | None = None) -> Array:
        """An expression of coordinates and derivatives of u at points (N, d): (N,).

        With normals (N, d) it may hold their components.
        """
        symbols = jets_in(expression)
        names = [str(s) for s in symbols]
        found = self.evaluate(names, points) if names else {}
        domain = self.problem.domain
        inputs = [*points.T, *(found[n] for n in names)]
        turned = [] if normals is None else [NormalSymbol(n) for n in domain.names]
        inputs += [] if normals is None else list(normals.T)
        return evaluate_columns([*domain.symbols, *symbols, *turned], expression, inputs)

    def spread(self, order: Sequence[int], nodes: Nodes) -> Array:
        """A derivative of mask * function at nodes, (N, functions), for each that is not zero."""
        total = np.zeros(nodes.columns.shape)
        for on_mask, on_function, binomial in leibniz(tuple(order)):
            factor = partial_derivative(self.mask, self.problem.domain, on_mask)
            if factor != 0:
                (scale,) = evaluate_at(self.problem.domain, [binomial * factor], nodes.points)
                total += scale[:, None] * nodes.values(on_function)
        return total

    def spline_values(self, points: Array) -> Array:
        """mask * spline at points (N, d), (N,)."""
        if self.spline is None:
            return np.zeros(len(points))
        (mask,) = evaluate_at(self.problem.domain, [self.mask], points)
        return np.asarray(mask * self.spline.values(points))

    @property
    def mask(self) -> Any:
        """The factor that vanishes where conditions hold by construction."""
        return self.piece.ansatz.mask[self.name]


class EvaluationPair:
    """The field on boxes as Taylor models: `plain` is u, `full` is u + mask * spline."""

    def __init__(
        self, approximation: Approximation, place: Place, symbols: Sequence[FieldSymbol]
    ) -> None:
        self._of, self._place, self._space = approximation, place, place.space
        self.network = enclose_network(approximation.piece.network, place.outer)
        self.plain = Evaluation(dict(place.symbols), place.space, place.count)
        self.full = self.plain
        if approximation.spline is not None:
            self.full = Evaluation(dict(place.symbols), place.space, place.count)
        for symbol in symbols:
            self._add(symbol)

    def _add(self, symbol: FieldSymbol) -> None:
        domain, ansatz = self._of.problem.domain, self._of.piece.ansatz
        output = self._of.problem.unknowns.index(symbol.field)
        splined = self._of.spline is not None and output == 0
        plain = self.plain.of(partial_derivative(ansatz.lift[symbol.field], domain, symbol.index))
        full = plain
        for on_mask, on_function, binomial in leibniz(symbol.index):
            factor = partial_derivative(ansatz.mask[symbol.field], domain, on_mask)
            if factor == 0:
                continue
            scale = self.plain.of(binomial * factor)
            network = self._network(output, on_function)
            plain = plain + scale * network
            if splined:
                full = full + scale * (network + self._splines(on_function))
        singular = self._singular(symbol)
        if singular is not None:
            plain, full = plain + singular, full + singular
        _know(self.plain, symbol, plain)
        if self._of.spline is not None:
            _know(self.full, symbol, full if splined else plain)

    @cached_property
    def correction(self) -> TaylorModel | None:
        """mask * spline."""
        if self._of.spline is None:
            return None
        mask = self.plain.of(self._of.piece.ansatz.mask[self._of.name])
        return mask * self._splines((0,) * self._space.dimension)

    @cached_property
    def _found(self) -> dict[Any, TaylorModel]:
        return {}

    def _network(self, output: int, index: tuple[int, ...]) -> TaylorModel:
        key = (output, index)
        if key not in self._found:
            own = TaylorModel(
                self._space, self.network.coefficients[:, output], self.network.radii[:, output]
            )
            self._found[key] = self._place.derivative(own, index)
        return self._found[key]

    def _singular(self, symbol: FieldSymbol) -> TaylorModel | None:
        """What singular functions add, each with a coefficient that is an output of the network."""
        domain, ansatz = self._of.problem.domain, self._of.piece.ansatz
        output, total = len(self._of.problem.unknowns), None
        for name, functions in ansatz.enrichment.items():
            for function in functions:
                if name == symbol.field:
                    whole = ansatz.mask[name] * function
                    factor = self.plain.of(partial_derivative(whole, domain, symbol.index))
                    term = self._network(output, (0,) * domain.dimension) * factor
                    total = term if total is None else total + term
                output += 1
        return total

    def _splines(self, index: tuple[int, ...]) -> TaylorModel:
        key = ("spline", index)
        if key not in self._found:
            assert self._of.spline is not None
            self._found[key] = self._place.spline(self._of.spline, index)
        return self._found[key]


class CorrectionModels:
    """mask * spline and its derivatives on boxes, without the network."""

    def __init__(self, approximation: Approximation, boxes: Boxes, degree: int) -> None:
        self._of, self._boxes = approximation, boxes
        self._space = monomials(approximation.problem.domain.dimension, degree)
        inside = coordinate_models(self._space, boxes)
        symbols = approximation.problem.domain.symbols
        self.run = Evaluation(dict(zip(symbols, inside, strict=True)), self._space, len(boxes))

    def derivative(self, index: tuple[int, ...]) -> TaylorModel:
        """One derivative."""
        of = self._of
        assert of.spline is not None
        total: TaylorModel | None = None
        for on_mask, on_function, binomial in leibniz(index):
            factor = partial_derivative(of.mask, of.problem.domain, on_mask)
            if factor != 0:
                spline = of.spline.model(self._space, self._boxes, on_function)
                term = self.run.of(binomial * factor) * spline
                total = term if total is None else total + term
        assert total is not None
        return total


def _know(run: Evaluation, symbol: FieldSymbol, model: TaylorModel) -> None:
    assert isinstance(run.symbols, dict)
    run.symbols[symbol] = model


def evaluate_columns(arguments: Sequence[Any], expression: Any, columns: Sequence[Array]) -> Array:
    """An expression of named columns (N,) as numbers (N,)."""
    import torch

    from kanpde.assembly.compile import compile_expressions

    tensors = [torch.from_numpy(np.ascontiguousarray(c, float)) for c in columns]
    (value,) = compile_expressions(arguments, [expression])(*tensors)
    return np.asarray(value.numpy())


Named = Mapping[str, TaylorModel]
