"""Models on disk: one safetensors file with weights, configuration and problem, no pickle."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

import kanpde.basis
import kanpde.spline
from kanpde._version import __version__
from kanpde.ansatz import Ansatz
from kanpde.basis import Basis
from kanpde.compiled import code
from kanpde.errors import KanpdeError
from kanpde.kan import KAN, Coordinates
from kanpde.problem import Equation
from kanpde.solution import Outcome, Solution
from kanpde.text import parse, problem_from_data, problem_to_data

FORMAT = 1
_BASES: dict[str, type[Basis]] = {
    kind.__name__: kind
    for kind in (
        kanpde.basis.Chebyshev,
        kanpde.basis.Legendre,
        kanpde.basis.Fourier,
        kanpde.basis.GaussianRBF,
        kanpde.spline.BSpline,
    )
}


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_model(solution: Solution, path: Path) -> None:
    """Write weights, network, problem and outcome as one safetensors file."""
    network = solution.network
    data = {
        "format": FORMAT,
        "version": __version__,
        "problem": problem_to_data(solution.problem),
        "lift": {n: code(e) for n, e in solution.ansatz.lift.items()},
        "mask": {n: code(e) for n, e in solution.ansatz.mask.items()},
        "exact": [_is_in(e, solution.ansatz.exact) for e in solution.problem.equations],
        "coordinates": asdict(network.coordinates),
        "widths": list(network.widths),
        "outputs": network.outputs,
        "basis": {"kind": type(network.basis).__name__, **asdict(network.basis)},  # type: ignore[call-overload]
        "outcome": asdict(solution.outcome),
        "seed": solution.seed,
        "seconds": solution.seconds,
        "steps": solution.steps,
        "estimate": solution.estimate,
        "notes": list(solution.notes),
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    write_atomically(path, lambda p: save_file(tensors, p, {"kanpde": json.dumps(data)}))


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
        if data["format"] != FORMAT:
            raise KanpdeError(
                f"it has the format {data['format']} of kanpde {data['version']}, and this "
                f"version reads format {FORMAT}"
            )
        return _restored(data, tensors)
    except KanpdeError as error:
        raise KanpdeError(f"{path} cannot be read: {error}") from error
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error


def _restored(data: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Solution:
    problem = problem_from_data(data["problem"])
    box, equations = problem.box, problem.equations
    coordinates = Coordinates(
        *(tuple(data["coordinates"][k]) for k in ("lower", "upper", "periodic"))
    )
    network = _network(data, coordinates, tensors)
    held = data["exact"]
    fits = (
        coordinates.lower == tuple(a.lower for a in box.axes)
        and coordinates.upper == tuple(a.upper for a in box.axes)
        and coordinates.periodic == tuple(n in problem.periodic for n in box.names)
        and network.outputs == len(problem.unknowns)
        and list(data["lift"]) == list(data["mask"]) == list(problem.unknowns)
        and len(held) == len(equations)
    )
    if not fits:
        raise KanpdeError("its network does not fit its problem")
    ansatz = Ansatz(
        {n: parse(e, box, ()) for n, e in data["lift"].items()},
        {n: parse(e, box, ()) for n, e in data["mask"].items()},
        tuple(e for e, is_exact in zip(equations, held, strict=True) if is_exact),
        tuple(e for e, is_exact in zip(equations, held, strict=True) if not is_exact),
        (),
    )
    return Solution(
        problem, ansatz, network, Outcome(**data["outcome"]), int(data["seed"]),
        float(data["seconds"]), int(data["steps"]), data["estimate"], {}, tuple(data["notes"]),
    )  # fmt: skip


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


def write_json(path: Path, data: Any) -> None:
    """Write JSON, indented, atomically."""
    text = json.dumps(data, indent=2, default=_plain, allow_nan=False) + "\n"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
