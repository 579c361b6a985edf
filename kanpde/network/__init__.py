"""Networks; a new family is a file here and its line in READERS."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch

from kanpde.errors import KanpdeError
from kanpde.network.bases import BASES, Chebyshev
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.cover import Cover
from kanpde.network.expansion import Expansion
from kanpde.network.kan import KAN
from kanpde.network.lawful import Argument, Lawful, LawLayers
from kanpde.network.network import Network
from kanpde.network.partition_of_unity import PartitionOfUnity
from kanpde.network.patchwork import Patchwork
from kanpde.network.perceptron import Perceptron
from kanpde.network.separable import Separable

Weights = Mapping[str, torch.Tensor]


def network_from_data(
    data: Mapping[str, Any], coordinates: Coordinates, weights: Weights
) -> Network:
    """The network of `Network.to_data` on these coordinates, with its weights.

    What the data say must fit the weights before memory is taken for it. Raises KanpdeError for
    data that do not.
    """
    kind = data.get("kind", "KAN")
    if kind not in READERS:
        raise KanpdeError(f"the network {kind!r} is unknown")
    network = READERS[kind](data, coordinates, weights)
    network.load_state_dict(dict(weights))
    return network


def coordinates_from_data(data: Mapping[str, Any]) -> Coordinates:
    """The coordinates of a network's data."""
    poles = tuple(
        (int(a), int(b), float(x), float(y), float(r)) for a, b, x, y, r in data.get("poles", ())
    )
    lower, upper, periodic = (tuple(data[k]) for k in ("lower", "upper", "periodic"))
    logarithmic = tuple(bool(each) for each in data.get("logarithmic", ()))
    if logarithmic and (len(logarithmic) != len(lower) or not _are_positive(lower, logarithmic)):
        raise KanpdeError("its logarithmic axes do not fit its coordinates")
    return Coordinates(lower, upper, periodic, poles, logarithmic)


def _are_positive(lower: tuple[Any, ...], wanted: tuple[bool, ...]) -> bool:
    return all(low > 0 for low, own in zip(lower, wanted, strict=True) if own)


def _kan(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    options = dict(data["basis"])
    kinds = {kind.__name__: kind for kind in BASES}
    kind = options.pop("kind")
    if kind not in kinds:
        raise KanpdeError(f"the basis {kind!r} is unknown")
    basis = kinds[kind](**options)
    for k, (a, b) in enumerate(pairwise([coordinates.inputs, *data["widths"], data["outputs"]])):
        _check_shape(weights, f"layers.{k}.coefficients", (b, basis.size, a))
    # A separate generator: the start is overwritten, and the global state must not change.
    start = torch.Generator()
    return KAN(coordinates, data["widths"], data["outputs"], basis, generator=start)


def _perceptron(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    for k, (a, b) in enumerate(pairwise([coordinates.inputs, *data["widths"], data["outputs"]])):
        _check_shape(weights, f"weights.{k}", (b, a))
    return Perceptron(coordinates, data["widths"], data["outputs"], torch.Generator())


def _constant(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    _check_shape(weights, "values", (data["outputs"], 1))
    outputs = int(data["outputs"])
    ends = [
        (-math.inf if low is None else float(low), math.inf if high is None else float(high))
        for low, high in data.get("ends", ())
    ]
    if ends and (len(ends) != outputs or not all(low < high for low, high in ends)):
        raise KanpdeError("the ends of its numbers are not pairs of increasing numbers")
    middle = [_between(low, high) for low, high in ends] or [1.0] * outputs
    return Constant(coordinates, outputs, middle if data.get("fixed_start") else (), ends)


def _between(low: float, high: float) -> float:
    """A number between two ends, which may be infinite."""
    if math.isinf(low) and math.isinf(high):
        return 1.0
    if math.isinf(low) or math.isinf(high):
        return low + 1 if math.isinf(high) else high - 1
    return 0.5 * (low + high)


def _expansion(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    degree, outputs, dimension = int(data["degree"]), int(data["outputs"]), coordinates.dimension
    if not (degree >= 0 and 1 <= dimension <= 20):
        raise KanpdeError("the degree or the axes of an expansion cannot be")
    _check_shape(weights, "coefficients", (outputs, math.comb(degree + dimension, dimension)))
    return Expansion(coordinates, degree, outputs)


def _lawful(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    inner = {n.removeprefix("network."): w for n, w in weights.items() if n.startswith("network.")}
    described = data["network"]
    own = coordinates_from_data(described["coordinates"]) if "coordinates" in described else None
    network = network_from_data(described, own or coordinates, inner)
    laws = []
    for k, law in enumerate(data["laws"]):
        arguments = [
            Argument(int(output), tuple(map(int, index)), float(low), float(high))
            for output, index, low, high in law["arguments"]
        ]
        fits = all(
            0 <= a.output < network.outputs and len(a.index) == coordinates.dimension
            for a in arguments
        )
        if not fits or not all(a.low < a.high and min(a.index) >= 0 for a in arguments):
            raise KanpdeError("the arguments of a law do not fit its fields")
        basis = Chebyshev(int(law["degree"]))
        for j, (a, b) in enumerate(pairwise([len(arguments), *law["widths"], 1])):
            _check_shape(weights, f"laws.{k}.layers.{j}.coefficients", (b, basis.size, a))
        laws.append(LawLayers(arguments, law["widths"], basis))
    return Lawful(network, laws)


def _composite(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    members = data["members"]
    networks = _read_networks([member["network"] for member in members], weights)
    parts = [Part(tuple(member["axes"]), tuple(member["fields"])) for member in members]
    return Composite(coordinates, networks, parts)


def _patchwork(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    """Without its regions, which are those of the problem's materials."""
    return Patchwork(coordinates, _read_networks(data["members"], weights), ())


def _read_networks(described: Sequence[Mapping[str, Any]], weights: Weights) -> list[Network]:
    found = []
    for k, data in enumerate(described):
        prefix = f"networks.{k}."
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        found.append(network_from_data(data, coordinates_from_data(data["coordinates"]), own))
    return found


def _partition(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    cover, networks = Cover.from_data(data["cover"]), _read_networks(data["members"], weights)
    if len(networks) != len(cover.cells) or len(cover.axes) != coordinates.dimension:
        raise KanpdeError("the networks of its subdomains do not fit their cells")
    return PartitionOfUnity(coordinates, cover, networks)


def _separable(data: Mapping[str, Any], coordinates: Coordinates, weights: Weights) -> Network:
    rank, degree, outputs = (int(data[k]) for k in ("rank", "degree", "outputs"))
    dimension = len(coordinates.lower)
    _check_shape(weights, "coefficients", (outputs, rank, dimension, degree + 1))
    return Separable(coordinates, rank, degree, outputs, torch.Generator())


def _check_shape(weights: Weights, name: str, shape: tuple[int, ...]) -> None:
    if name not in weights or tuple(weights[name].shape) != shape:
        raise KanpdeError(f"the weights {name} have another shape than its description says")


READERS: dict[str, Callable[[Mapping[str, Any], Coordinates, Weights], Network]] = {
    "KAN": _kan,
    "Perceptron": _perceptron,
    "Separable": _separable,
    "Constant": _constant,
    "Expansion": _expansion,
    "Lawful": _lawful,
    "Composite": _composite,
    "Patchwork": _patchwork,
    "PartitionOfUnity": _partition,
}
