"""Networks as Taylor models: what a network can be on a box and on a polydisc around it.

A node's value x = c + d is a polynomial of the coordinates; each edge that leaves it is a function
of one variable, whose series in d / |d| has degree p. So the powers of d are formed once for each
node, and an edge costs one product of small matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds import univariate
from kanpde.bounds.edges import expand_edges
from kanpde.bounds.monomials import UNIT, UP, Monomials, monomials
from kanpde.bounds.taylor_model import TaylorModel, raise_to_powers
from kanpde.errors import KanpdeError
from kanpde.network.composite import Composite
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.network.layer import KANLayer
from kanpde.network.perceptron import Perceptron

# The centre of a node's disc, relative to its radius, below which it counts as a constant.
_LEAST = 1e-30


def enclose_network(network: Any, points: Sequence[TaylorModel]) -> TaylorModel:
    """The outputs, models of batch (outputs, N), from those of the coordinates, of batch (N,).

    Raises KanpdeError for a network or a basis that is not analytic.
    """
    return _enclose(network, list(points))


@singledispatch
def _enclose(network: Any, points: list[TaylorModel]) -> TaylorModel:
    raise KanpdeError(f"bounds do not know networks of the kind {type(network).__name__}")


@_enclose.register
def _(network: KAN, points: list[TaylorModel]) -> TaylorModel:
    x = _stack(_inputs(network.coordinates, points))
    for layer in network.stack:
        x = _pass_layer(layer, x)
    return x


@_enclose.register
def _(network: Perceptron, points: list[TaylorModel]) -> TaylorModel:
    x = _stack(_inputs(network.coordinates, points))
    last = len(network.weights) - 1
    for k, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        w, b = (np.asarray(v.detach().cpu().double()) for v in (weight, bias))
        x = _mix(w, b, x)
        x = x.apply("tanh") if k < last else x
    return x


@_enclose.register
def _(network: Constant, points: list[TaylorModel]) -> TaylorModel:
    values = np.asarray(network.numbers.detach().cpu().double())
    count = points[0].radii.shape[-1] if points else 1
    space = points[0].space
    return TaylorModel.constant(space, np.repeat(values, count, axis=1))


@_enclose.register
def _(network: Composite, points: list[TaylorModel]) -> TaylorModel:
    space, count = points[0].space, points[0].radii.shape[-1]
    out = TaylorModel.constant(space, np.zeros((network.outputs, count)))
    for member, part in network.members:
        if part.axes:
            found = enclose_network(member, [points[axis] for axis in part.axes])
        else:
            values = np.asarray(member(member.like.new_zeros(1, 0)).detach().double())
            found = TaylorModel.constant(space, np.repeat(values.T, count, axis=1))
        for k, field in enumerate(part.fields):
            out.coefficients[:, field] = found.coefficients[:, k]
            out.radii[:, field] = found.radii[:, k]
    return out


def _stack(models: Sequence[TaylorModel]) -> TaylorModel:
    """Models of batch (N,) as one of batch (count, N)."""
    return TaylorModel(
        models[0].space,
        np.stack([m.coefficients for m in models], 1),
        np.stack([m.radii for m in models], 1),
    )


def _inputs(coordinates: Coordinates, points: Sequence[TaylorModel]) -> list[TaylorModel]:
    """The inputs of the first layer."""
    out = []
    for axis, x in enumerate(points):
        low, high = coordinates.lower[axis], coordinates.upper[axis]
        if coordinates.is_logarithmic(axis):
            rate = 2 / math.log(high / low)
            moved = x.scaled(1 / low, 4 * UNIT / abs(low)).apply("log")
            out.append(moved.scaled(rate, 8 * UNIT * rate) + (-1.0))
            continue
        rate = (2 * math.pi if coordinates.periodic[axis] else 2) / (high - low)
        moved = (x + (-low)).scaled(rate, 4 * UNIT * rate)
        if coordinates.periodic[axis]:
            out += [moved.apply("cos"), moved.apply("sin")]
        else:
            out.append(moved + (-1.0))
    for first, second, *centre, radius in coordinates.poles:
        along, up = (points[k] + (-c) for k, c in zip((first, second), centre, strict=True))
        share = (along * along + up * up).to_power(-1).scaled(radius)
        out += [share * along, share * up]
    return out


def _mix(weights: Array, bias: Array, x: TaylorModel) -> TaylorModel:
    """A linear layer: weights (outputs, inputs)."""
    coefficients = np.tensordot(x.coefficients, weights, ([1], [1])).swapaxes(1, 2)
    coefficients[0] += bias[:, None]
    radii = np.tensordot(x.radii, np.abs(weights), ([1], [1])).swapaxes(1, 2)
    sizes = np.tensordot(x.graded, np.abs(weights), ([1], [1])).swapaxes(1, 2)
    radii[:-1] += (weights.shape[1] + 3) * UNIT * sizes
    radii[0] += 2 * UNIT * np.abs(bias)[:, None]
    return TaylorModel(x.space, coefficients, UP * radii)


def _pass_layer(layer: KANLayer, x: TaylorModel) -> TaylorModel:
    """The outputs of a layer of edges."""
    weights, bias = (
        np.asarray(v.detach().cpu().double()) for v in (layer.coefficients, layer.bias)
    )
    centre, away = x._around()
    away = np.maximum(away, _LEAST)
    steps = _normalise(x, away)
    line = monomials(1, x.space.degree)
    inner = _squash(line, layer.squash, centre, away)
    edges, edge_radii, constants, errors = _compose_edges(layer, weights, inner)
    coefficients, radii = _sum_edges(x.space, edges, edge_radii, steps)
    coefficients[0] += (constants + bias).T
    radii[0] += (errors + 4 * UNIT * (np.abs(constants) + np.abs(bias))).T
    return TaylorModel(x.space, coefficients, UP * radii)


def _normalise(x: TaylorModel, away: Array) -> TaylorModel:
    """The models of (x - centre) / away, which are at most 1."""
    coefficients = x.coefficients / away
    coefficients[0] = 0
    radii = x.radii / away
    radii[:-1] += 2 * UNIT * x.space.graded(coefficients)
    return TaylorModel(x.space, coefficients, UP * radii)


def _squash(line: Monomials, squash: bool, centre: Array, away: Array) -> TaylorModel:
    """What enters the edges, as models of one variable of batch (inputs, N)."""
    if not squash:
        return TaylorModel.coordinate(line, 0, centre, away)
    series = univariate.tanh(centre, away, line.degree)
    powers = away ** np.arange(line.degree + 1).reshape(-1, *(1,) * centre.ndim)
    coefficients = series.coefficients * powers
    radii = np.empty((line.degree + 2, *centre.shape))
    radii[:-1] = series.errors * powers + 4 * line.degree * UNIT * np.abs(coefficients)
    radii[-1] = series.tail
    return TaylorModel(line, coefficients, UP * radii)


def _compose_edges(
    layer: KANLayer, weights: Array, inner: TaylorModel
) -> tuple[Array, Array, Array, Array]:
    """Edges of `inner`: series in one variable, and the sums of the constant terms.

    Series (N, outputs, inputs, p), orders from 1 on; their radii (..., p + 1), the last of which
    is the tail; constants and their errors (N, outputs).
    """
    p = inner.space.degree
    centre, away = inner._around()
    series = expand_edges(layer.basis, weights, centre, away, p)
    moved = inner.coefficients.copy()
    moved[0] = 0
    most = min(p, layer.basis.degree) if hasattr(layer.basis, "degree") else p
    powers = raise_to_powers(TaylorModel(inner.space, moved, inner.radii), most)

    def stack(arrays: Sequence[Array]) -> Array:
        return np.stack(arrays).transpose(2, 3, 0, 1)  # (inputs, N, powers, orders)

    values = stack([m.coefficients for m in powers])
    radii = stack([m.radii for m in powers])
    a, error = (v[..., 1 : most + 1] for v in (series.coefficients, series.errors))
    size = np.abs(a)
    edges = a @ values
    missed = (size + error) @ radii
    missed[..., :-1] += (error + (most + 3) * UNIT * size) @ np.abs(values)
    missed[..., -1] += series.tails[..., 0]
    constant = series.coefficients[..., 0].sum(0)
    inputs = weights.shape[2]
    lost = (series.errors[..., 0] + inputs * UNIT * np.abs(series.coefficients[..., 0])).sum(0)
    # A radius of order 0 shifts the constant.
    lost = lost + missed[..., 0].sum(0)
    return (
        edges[..., 1:].transpose(1, 2, 0, 3),
        UP * missed[..., 1:].transpose(1, 2, 0, 3),
        constant,
        UP * lost,
    )


def _sum_edges(
    space: Monomials, edges: Array, edge_radii: Array, steps: TaylorModel
) -> tuple[Array, Array]:
    """Sums over inputs and orders of edges times powers: (terms, outputs, N), (p + 2, ...)."""
    count, outputs, inputs, p = edges.shape
    powers = raise_to_powers(steps, p)

    def stack(arrays: Sequence[Array]) -> Array:
        # (N, inputs * p, terms)
        return np.stack(arrays).transpose(3, 2, 0, 1).reshape(count, inputs * p, -1)

    flat = edges.reshape(count, outputs, -1)
    missed = edge_radii[..., :-1].reshape(count, outputs, -1)
    size = np.abs(flat)
    coefficients = flat @ stack([m.coefficients for m in powers])
    radii = (size + missed) @ stack([m.radii for m in powers])
    rounding = (inputs * p + 4) * UNIT
    radii[..., :-1] += (missed + rounding * size) @ stack([m.graded for m in powers])
    radii[..., -1] += edge_radii[..., -1].sum(2)
    return coefficients.transpose(2, 1, 0), radii.transpose(2, 1, 0)
