"""Models on disk: one safetensors file with weights, configuration and problem, no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kanpde._version import __version__
from kanpde.assembly.ansatz import Ansatz
from kanpde.errors import KanpdeError
from kanpde.files import write_whole
from kanpde.geometry.box import Box
from kanpde.network.bases.polynomials import Basis, Chebyshev, Fourier, GaussianRBF, Legendre
from kanpde.network.bases.splines import BSpline
from kanpde.network.kan import KAN, Coordinates
from kanpde.problem.problem import Equation, Problem
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.solution.solution import Outcome, Solution, Window
from kanpde.symbols.parse import parse
from kanpde.symbols.printing import code

# 2 where time is cut into windows, which a reader of 1 would leave out.
FORMATS = (1, 2)
_BASES: dict[str, type[Basis]] = {
    kind.__name__: kind
    for kind in (
        Chebyshev,
        Legendre,
        Fourier,
        GaussianRBF,
        BSpline,
    )
}


def save_model(solution: Solution, path: Path) -> None:
    """Write weights, network, problem and outcome as one safetensors file."""
    data = {
        "format": 2 if solution.earlier else 1,
        "version": __version__,
        "problem": problem_to_data(solution.problem),
        **_form(solution.problem, solution.ansatz, solution.network),
        "earlier": [
            {"end": part.end, **_form(solution.problem, part.ansatz, part.network)}
            for part in solution.earlier
        ],
        "outcome": asdict(solution.outcome),
        "seed": solution.seed,
        "seconds": solution.seconds,
        "steps": solution.steps,
        "estimate": solution.estimate,
        "notes": list(solution.notes),
    }
    tensors = _weights(solution.network, "")
    for k, part in enumerate(solution.earlier):
        tensors |= _weights(part.network, f"earlier.{k}.")
    write_whole(path, lambda p: save_file(tensors, p, {"kanpde": json.dumps(data)}))


def _form(problem: Problem, ansatz: Ansatz, network: KAN) -> dict[str, Any]:
    """All of a network and its ansatz but the weights."""
    return {
        "lift": {n: code(e) for n, e in ansatz.lift.items()},
        "mask": {n: code(e) for n, e in ansatz.mask.items()},
        "exact": [_is_in(e, ansatz.exact) for e in problem.equations],
        "coordinates": asdict(network.coordinates),
        "widths": list(network.widths),
        "outputs": network.outputs,
        "basis": {"kind": type(network.basis).__name__, **asdict(network.basis)},  # type: ignore[call-overload]
    }


def _weights(network: KAN, prefix: str) -> dict[str, torch.Tensor]:
    state = network.state_dict().items()
    return {prefix + name: value.detach().cpu().contiguous() for name, value in state}


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
        raise KanpdeError(f"{path} is damaged or no model of kanpde ({error})") from error
    if "kanpde" not in metadata:
        raise KanpdeError(f"{path} is a safetensors file, but no model of kanpde")
    try:
        data = json.loads(metadata["kanpde"])
        if data["format"] not in FORMATS:
            raise KanpdeError(
                f"it has the format {data['format']} of kanpde {data['version']}, and this "
                f"version reads the formats {' and '.join(map(str, FORMATS))}"
            )
        return _restored(data, tensors)
    except KanpdeError as error:
        raise KanpdeError(f"{path} cannot be read: {error}") from error
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error


def _restored(data: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Solution:
    problem = problem_from_data(data["problem"])
    parts = data.get("earlier", [])
    earlier, own = [], dict(tensors)
    for k, part in enumerate(parts):
        prefix = f"earlier.{k}."
        names = [n for n in own if n.startswith(prefix)]
        weights = {n.removeprefix(prefix): own.pop(n) for n in names}
        earlier.append(Window(float(part["end"]), *_part(part, weights, problem)))
    _check_windows(problem, earlier)
    ansatz, network = _part(data, own, problem)
    return Solution(
        problem, ansatz, network, Outcome(**data["outcome"]), int(data["seed"]),
        float(data["seconds"]), int(data["steps"]), data["estimate"], {}, tuple(data["notes"]),
        tuple(earlier),
    )  # fmt: skip


def _check_windows(problem: Problem, earlier: Sequence[Window]) -> None:
    if not earlier:
        return
    if problem.box.time is None:
        raise KanpdeError("it has windows of time, and its problem has no time")
    ends = [problem.box.time.lower, *(part.end for part in earlier), problem.box.time.upper]
    if not all(a < b for a, b in pairwise(ends)):
        raise KanpdeError("its windows of time do not follow each other")


def _part(
    data: dict[str, Any], tensors: dict[str, torch.Tensor], problem: Problem
) -> tuple[Ansatz, KAN]:
    box, equations = problem.box, problem.equations
    coordinates = Coordinates(
        *(tuple(data["coordinates"][k]) for k in ("lower", "upper", "periodic"))
    )
    network = _network(data, coordinates, tensors)
    held = data["exact"]
    fits = (
        _lies_in(coordinates, box)
        and coordinates.periodic == tuple(n in problem.periodic for n in box.names)
        and network.outputs == len(problem.unknowns)
        and list(data["lift"]) == list(data["mask"]) == list(problem.unknowns)
        and len(held) == len(equations)
    )
    if not fits:
        raise KanpdeError("its network does not fit its problem")
    ansatz = Ansatz(
        {n: parse(e, box.names) for n, e in data["lift"].items()},
        {n: parse(e, box.names) for n, e in data["mask"].items()},
        tuple(e for e, is_exact in zip(equations, held, strict=True) if is_exact),
        tuple(e for e, is_exact in zip(equations, held, strict=True) if not is_exact),
        (),
    )
    return ansatz, network


def _lies_in(coordinates: Coordinates, box: Box) -> bool:
    """Whether a network covers the box, or a window of its time."""
    ends = zip(box.axes, coordinates.lower, coordinates.upper, strict=True)
    return all(
        axis.lower <= low < high <= axis.upper
        if axis.name == "t"
        else (low, high) == (axis.lower, axis.upper)
        for axis, low, high in ends
    )


def _network(
    data: dict[str, Any], coordinates: Coordinates, tensors: dict[str, torch.Tensor]
) -> KAN:
    options = dict(data["basis"])
    kind = options.pop("kind")
    if kind not in _BASES:
        raise KanpdeError(f"the basis {kind!r} is unknown")
    basis = _BASES[kind](**options)
    # What is said must fit the weights before memory is taken for it.
    for k, (a, b) in enumerate(pairwise([coordinates.inputs, *data["widths"], data["outputs"]])):
        if tensors[f"layers.{k}.coefficients"].shape != (b, basis.size, a):
            raise KanpdeError(f"the weights of layer {k} have another shape than is said of it")
    # Its own generator, since the start is overwritten and the global state must stay.
    start = torch.Generator()
    network = KAN(coordinates, data["widths"], data["outputs"], basis, generator=start)
    network.load_state_dict(tensors)
    return network


def _is_in(equation: Equation, group: tuple[Equation, ...]) -> bool:
    return any(equation is other for other in group)
