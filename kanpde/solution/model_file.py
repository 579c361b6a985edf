"""Models on disk: one safetensors file with weights, configuration and problem, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from kanpde._version import __version__
from kanpde.assembly.ansatz import Ansatz
from kanpde.errors import KanpdeError
from kanpde.geometry import domain_from_data
from kanpde.geometry.domain import Domain
from kanpde.network import coordinates_from_data, network_from_data
from kanpde.network.coordinates import Coordinates
from kanpde.network.patchwork import Patchwork
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.solution.errors_along import ErrorsAlong
from kanpde.solution.laws import LawFormula
from kanpde.solution.outcome import Outcome, Status
from kanpde.solution.pieces import Piece
from kanpde.solution.solution import Solution
from kanpde.solution.tensors import write_tensors
from kanpde.solution.unknowns import UnknownNumber
from kanpde.symbols.parse import parse
from kanpde.symbols.printing import code
from kanpde.symbols.sizes import SIZE_POLICY, sympy_time

# Formats 1 and 2 have one network, and the earlier windows of time separately; 3 has pieces, each
# with its domain; 4 has the times of each piece instead, since a domain may be a large mesh.
FORMAT, FORMATS = 4, (1, 2, 3, 4)
# The name of the root of the covariance among the weights.
_SPREAD = "spread"


def save_model(solution: Solution, path: Path) -> None:
    """Write weights, networks, problem and outcome as one file. Raises OSError for a full disk."""
    data, tensors = contents(solution)
    write_tensors(path, tensors, {"kanpde": json.dumps(data)})


def contents(solution: Solution) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a model file holds: JSON data, and the weights by name, on the CPU."""
    data = {
        "format": FORMAT,
        "version": __version__,
        "problem": problem_to_data(solution.problem),
        "pieces": [_piece_to_data(solution.problem, piece) for piece in solution.pieces],
        "outcome": {"status": solution.outcome.status.value, "advice": solution.outcome.advice},
        "seed": solution.seed,
        "seconds": solution.seconds,
        "steps": solution.steps,
        "estimate": solution.estimate,
        "estimates": dict(solution.estimates),
        "relative_residuals": dict(solution.relative_residuals),
        "notes": list(solution.notes),
        "unknowns": {n: number.to_data() for n, number in solution.unknowns.items()},
        "noise": dict(solution.noise),
    }
    if solution.formulas:
        data["formulas"] = {n: f.to_data() for n, f in solution.formulas.items()}
    if solution.estimates_along:
        data["estimates_along"] = {n: e.to_data() for n, e in solution.estimates_along.items()}
    tensors = {
        f"pieces.{k}.{name}": value.detach().cpu().contiguous()
        for k, piece in enumerate(solution.pieces)
        for name, value in piece.network.state_dict().items()
    }
    if solution.spread is not None:
        tensors[_SPREAD] = solution.spread.detach().cpu().contiguous()
    return data, tensors


def _piece_to_data(problem: Problem, piece: Piece) -> dict[str, Any]:
    return {
        "domain": _cut_to_data(piece.domain, problem.domain),
        "lift": {n: code(e) for n, e in piece.ansatz.lift.items()},
        "mask": {n: code(e) for n, e in piece.ansatz.mask.items()},
        "exact": [e.is_among(piece.ansatz.exact) for e in problem.equations],
        "network": piece.network.to_data(),
        "enrichment": {n: [code(e) for e in v] for n, v in piece.ansatz.enrichment.items()},
    }


def _cut_to_data(part: Domain, whole: Domain) -> dict[str, Any]:
    """A part of a domain as its intervals along the axes where it is shorter."""
    cut = {
        inner.name: (inner.lower, inner.upper)
        for inner, outer in zip(part.axes, whole.axes, strict=True)
        if (inner.lower, inner.upper) != (outer.lower, outer.upper)
    }
    return {"restricted": {name: list(ends) for name, ends in cut.items()}}


def _cut_from_data(data: Mapping[str, Any], whole: Domain) -> Domain:
    """The domain of `_cut_to_data`, or of its own data, as format 3 has it."""
    if "restricted" not in data:
        return domain_from_data(data)
    cut = {str(n): (float(a), float(b)) for n, (a, b) in data["restricted"].items()}
    return whole.restricted(**cut) if cut else whole


def load_model(path: Path) -> Solution:
    """Read back what `save_model` wrote; no code of the file is executed.

    Raises KanpdeError for a file that is damaged or not of kanpde.
    """
    if not path.is_file():
        raise KanpdeError(f"there is no model {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise KanpdeError(f"{path} is damaged or not a model of kanpde ({error})") from error
    if "kanpde" not in metadata:
        raise KanpdeError(f"{path} is a safetensors file, but not a model of kanpde")
    try:
        data = json.loads(metadata["kanpde"])
        if data["format"] not in FORMATS:
            raise KanpdeError(
                f"it has the format {data['format']} of kanpde {data['version']}, and this "
                f"version reads the formats {', '.join(map(str, FORMATS))}"
            )
        with sympy_time("its expressions", SIZE_POLICY.whole):
            return restore(data, tensors, {})
    except KanpdeError as error:
        raise KanpdeError(f"{path} cannot be read: {error}") from error
    except Exception as error:
        # The data may come from anywhere: every failure to read them means that they are damaged.
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error


def restore(
    data: Mapping[str, Any], tensors: dict[str, torch.Tensor], trace: Mapping[str, Any]
) -> Solution:
    """The solution of `contents`, with a trace; raises KanpdeError for what cannot be."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise KanpdeError(f"the weights {name} hold a value that is not finite")
    problem = problem_from_data(data["problem"])
    spread = tensors.pop(_SPREAD, None)
    if data["format"] < 3:
        data, tensors = _as_pieces(data, tensors, problem)
    pieces = []
    for k, part in enumerate(data["pieces"]):
        prefix = f"pieces.{k}."
        weights = {n.removeprefix(prefix): w for n, w in tensors.items() if n.startswith(prefix)}
        pieces.append(_restore_piece(part, weights, problem))
    if not pieces:
        raise KanpdeError("it has no networks")
    known = {f"pieces.{k}.{n}" for k, p in enumerate(pieces) for n in p.network.state_dict()}
    if set(tensors) - known:
        raise KanpdeError(f"the weights {sorted(set(tensors) - known)[0]} belong to no network")
    outcome = Outcome(Status(data["outcome"]["status"]), data["outcome"]["advice"])
    if spread is not None and len(spread) != pieces[-1].network.parameter_count:
        raise KanpdeError("its covariance does not fit its network")
    return Solution(
        problem, tuple(pieces), outcome, int(data["seed"]), float(data["seconds"]),
        int(data["steps"]), data["estimate"], trace, tuple(data["notes"]),
        dict(data.get("estimates", {})), dict(data.get("relative_residuals", {})),
        {str(n): ErrorsAlong.from_data(e) for n, e in data.get("estimates_along", {}).items()},
        {n: UnknownNumber.from_data(v) for n, v in data.get("unknowns", {}).items()},
        dict(data.get("noise", {})),
        {str(n): LawFormula.from_data(f) for n, f in data.get("formulas", {}).items()}, spread,
    )  # fmt: skip


def _restore_piece(
    data: Mapping[str, Any], weights: Mapping[str, torch.Tensor], problem: Problem
) -> Piece:
    domain = _cut_from_data(data["domain"], problem.domain)
    described = data["network"]
    coordinates = coordinates_from_data(
        described.get("coordinates") or data.get("coordinates") or _bounds(domain, problem)
    )
    names, equations, held = problem.domain.names, problem.equations, data["exact"]
    fits = (
        _lies_in(domain, problem.domain)
        and (coordinates.lower, coordinates.upper) == _ends(domain)
        and coordinates.periodic == tuple(n in problem.periodic for n in names)
        and list(data["lift"]) == list(data["mask"]) == list(problem.unknowns)
        and len(held) == len(equations)
    )
    if not fits:
        raise KanpdeError("its network does not fit its problem")
    network = network_from_data(described, coordinates, weights)
    read = partial(parse, axes=names, tables=problem.tables)
    ansatz = Ansatz(
        {n: read(e) for n, e in data["lift"].items()},
        {n: read(e) for n, e in data["mask"].items()},
        tuple(e for e, is_exact in zip(equations, held, strict=True) if is_exact),
        tuple(
            e
            for e, is_exact in zip(equations, held, strict=True)
            if not is_exact and e.kind is not Kind.CONSEQUENCE
        ),
        enrichment={str(n): tuple(map(read, v)) for n, v in data.get("enrichment", {}).items()},
    )
    outputs, count = len(problem.unknowns) + ansatz.coefficients, len(problem.materials)
    if isinstance(network, Patchwork) is not bool(count):
        raise KanpdeError("its network does not fit its problem")
    if isinstance(network, Patchwork):
        network = network.on(part.within(domain) for part in problem.materials)
        outputs = 2 * outputs + count
    if network.outputs != outputs:
        raise KanpdeError("its network does not fit its problem")
    return Piece(domain, ansatz, network)


def _bounds(domain: Domain, problem: Problem) -> dict[str, Any]:
    lower, upper = _ends(domain)
    periodic = [n in problem.periodic for n in domain.names]
    return {"lower": lower, "upper": upper, "periodic": periodic}


def _ends(domain: Domain) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(a.lower for a in domain.axes), tuple(a.upper for a in domain.axes)


def _lies_in(part: Domain, whole: Domain) -> bool:
    """Whether a piece has the axes of the domain and covers it, or a part of it in time."""
    return part.names == whole.names and all(
        outer.lower <= inner.lower < inner.upper <= outer.upper
        if outer.is_time
        else (inner.lower, inner.upper) == (outer.lower, outer.upper)
        for inner, outer in zip(part.axes, whole.axes, strict=True)
    )


def _as_pieces(
    data: Mapping[str, Any], tensors: dict[str, torch.Tensor], problem: Problem
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Data of the formats 1 and 2 in the form of 3."""
    parts = [*data.get("earlier", []), data]
    pieces, renamed = [], {}
    own = dict(tensors)
    end = -float("inf")
    for k, part in enumerate(parts):
        prefix = f"earlier.{k}." if part is not data else ""
        for name in [n for n in own if n.startswith(prefix)]:
            renamed[f"pieces.{k}.{name.removeprefix(prefix)}"] = own.pop(name)
        coordinates = coordinates_from_data(part["coordinates"])
        if part is not data:
            if problem.domain.time is None or not float(part["end"]) > end:
                raise KanpdeError("its windows of time do not follow each other")
            end = float(part["end"])
        network = {n: part[n] for n in ("widths", "outputs", "basis", "coordinates")}
        pieces.append(
            {
                **{n: part[n] for n in ("lift", "mask", "exact")},
                "domain": _domain_of(coordinates, problem.domain).to_data(),
                "network": network,
            }
        )
    return {**data, "pieces": pieces}, renamed


def _domain_of(coordinates: Coordinates, domain: Domain) -> Domain:
    """The part of the domain that a network covers."""
    ends = zip(domain.axes, coordinates.lower, coordinates.upper, strict=True)
    return domain.restricted(**{a.name: (low, high) for a, low, high in ends})
