"""Where a field is enclosed: boxes of the domain, or parts of its boundary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from kanpde.bounds.expressions import hull, range_of
from kanpde.bounds.faces import Patch
from kanpde.bounds.field_models import Boxes, coordinate_models, differentiate, shrink_of
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import Monomials
from kanpde.bounds.splines import Spline
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.geometry.domain import Domain
from kanpde.symbols.expression import NormalSymbol


class Place(ABC):
    """Boxes on which a network is a model on polydiscs around them, and expressions on them."""

    space: Monomials
    # The coordinates on the polydiscs, and what has a value on the boxes: coordinates and normals.
    outer: list[TaylorModel]
    symbols: dict[Any, TaylorModel]
    count: int

    @abstractmethod
    def derivative(self, model: TaylorModel, index: Sequence[int]) -> TaylorModel:
        """A partial derivative on the boxes, of models on the polydiscs."""

    @abstractmethod
    def spline(self, spline: Spline, index: Sequence[int]) -> TaylorModel:
        """A derivative of a spline on the boxes."""


class BoxPlace(Place):
    """Boxes, each inside of one element of the splines."""

    def __init__(self, space: Monomials, boxes: Boxes, domain: Domain) -> None:
        self.space, self.count, self._boxes = space, len(boxes), boxes
        self._shrink = shrink_of(space.degree)
        self.outer = coordinate_models(space, boxes, 1 / self._shrink)
        inside = coordinate_models(space, boxes)
        self.symbols = dict(zip(domain.symbols, inside, strict=True))

    def derivative(self, model: TaylorModel, index: Sequence[int]) -> TaylorModel:
        return differentiate(model, index, self._boxes.halves / self._shrink, self._shrink)

    def spline(self, spline: Spline, index: Sequence[int]) -> TaylorModel:
        return spline.model(self.space, self._boxes, index)


class FacePlace(Place):
    """Parts of the pieces of a boundary.

    The first variable of the models is the distance from the boundary: they are differentiated
    along it, and then it is zero.
    """

    def __init__(self, space: Monomials, patch: Patch, boxes: Boxes, domain: Domain) -> None:
        self.space, self.count = space, len(boxes)
        self._shrink = shrink_of(space.degree)
        around = patch.chart(space, boxes, 1 / self._shrink)
        here = patch.chart(space, boxes, 1.0)
        self.outer, self._reach = around.points, around.reach
        self._points = [_flatten(m) for m in here.points]
        self._frame = [[_flatten(m) for m in vector] for vector in here.frame]
        self.symbols = dict(zip(domain.symbols, self._points, strict=True))
        for axis, model in zip(domain.names, self._frame[0], strict=True):
            self.symbols[NormalSymbol(axis)] = model

    def derivative(self, model: TaylorModel, index: Sequence[int]) -> TaylorModel:
        order, d = sum(index), self.space.dimension
        if order > 1:
            raise NotCovered("conditions on a boundary are known with first derivatives only")
        if order == 0:
            return _flatten(differentiate(model, (0,) * d, self._reach, self._shrink))
        axis = list(index).index(1)
        total: TaylorModel | None = None
        for direction in range(d):
            along = tuple(int(k == direction) for k in range(d))
            slope = _flatten(differentiate(model, along, self._reach, self._shrink))
            term = slope * self._frame[direction][axis]
            total = term if total is None else total + term
        assert total is not None
        return total

    def spline(self, spline: Spline, index: Sequence[int]) -> TaylorModel:
        space = spline.space
        spans = []
        for axis, model in enumerate(self._points):
            ends = np.stack(range_of(model))
            place = np.floor((ends - space.lower[axis]) / space.widths[axis])
            found = np.clip(place.astype(int), 0, space.elements[axis] - 1)
            spans.append((found[0], found[1]))
        steps = [range(int((last - first).max()) + 1) for first, last in spans]
        models = []
        for step in product(*steps):
            pairs = zip(spans, step, strict=True)
            elements = [np.minimum(first + s, last) for (first, last), s in pairs]
            models.append(spline.model_on(self._points, elements, index))
        return hull(models)


def _flatten(model: TaylorModel) -> TaylorModel:
    """The model where its first variable is zero."""
    coefficients = model.coefficients.copy()
    coefficients[model.space.exponents[:, 0] > 0] = 0.0
    return TaylorModel(model.space, coefficients, model.radii)
