"""Operators and their trainings on disk: safetensors and JSON, no pickle.

model-0.safetensors   the best weights of the first network, with signature and plan
state-0.safetensors   all that its training needs to go on; gone when that is over
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.operator.losses import H1, L2
from kanpde.operator.model import Architecture, Operator, Signature, build_shapes
from kanpde.operator.networks.branch import BranchTrunk
from kanpde.operator.networks.fno import FNO
from kanpde.operator.networks.maps import KANMaps, MLPMaps
from kanpde.operator.plain import build_kinds, from_data, to_data
from kanpde.operator.status import TrainingStatus
from kanpde.operator.training import State, Training
from kanpde.solution.tensors import write_tensors

FORMAT = 2
KINDS = build_kinds((FNO, BranchTrunk, KANMaps, MLPMaps, H1, L2, Training, Signature))
_STATE = ("epoch", "seconds", "best_epoch", "best_validation", "status", "rows")


def save_member(path: Path, weights: dict[str, Tensor], data: dict[str, Any]) -> None:
    """Write the weights of one network with its description. Raises OSError for a full disk."""
    _write(path, {k: v.contiguous() for k, v in weights.items()}, data)


def _write(path: Path, tensors: dict[str, Tensor], data: dict[str, Any]) -> None:
    whole = {"format": FORMAT, "version": __version__, **data}
    write_tensors(path, tensors, {"operator": json.dumps(whole)})


def save_operator(operator: Operator, folder: Path | str) -> None:
    """Write each network of an operator into a folder, for `load_operator`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "signature": to_data(operator.signature),
        "plan": to_data(operator.plan),
        "symmetrize": operator.symmetrize,
    }
    for member, network in enumerate(operator.networks):
        weights = {k: v.detach().cpu() for k, v in network.state_dict().items()}
        save_member(folder / f"model-{member}.safetensors", weights, data)


def load_operator(folder: Path | str, device: str = "cpu") -> Operator:
    """The operator of a run folder; an ensemble if it has several networks.

    Raises KanpdeError for a folder without one, a damaged file, or one of another version.
    """
    folder = Path(folder)
    paths = member_paths(folder)
    if not paths:
        what = "holds no operator" if folder.is_dir() else "is not a folder"
        raise KanpdeError(f"{folder} {what}; `kanpde operator train` writes one")
    members = [load_member(path) for path in paths]
    (_, first), networks = members[0], [network.to(device).eval() for network, _ in members]
    return Operator(
        first["signature"], first["plan"], tuple(networks), bool(first["symmetrize"]), first
    )


def member_paths(folder: Path) -> list[Path]:
    """The files of an operator's networks, in their order."""
    return sorted(folder.glob("model-*.safetensors"), key=lambda p: (len(p.name), p.name))


def load_member(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """One network, and its description with `signature` and `plan` as values.

    Raises KanpdeError for a damaged file.
    """
    tensors, data = _read(path)
    try:
        plan, signature = from_data(data["plan"], KINDS), from_data(data["signature"], KINDS)
        network = _rebuild(plan, signature, tensors)
    except KanpdeError as error:
        raise KanpdeError(f"{path} cannot be read: {error}; train it again") from error
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    return network, {**data, "plan": plan, "signature": signature}


def _rebuild(
    architecture: Architecture, signature: Signature, tensors: dict[str, Tensor]
) -> nn.Module:
    """The network of these weights.

    Its shapes are compared on the device `meta` first, which takes no memory: a header that says
    width 200000 asked for 1.28 TB. Raises KanpdeError for weights of other shapes.
    """
    mismatch = "its weights have other shapes than its plan says"
    if architecture.fewest_tensors > len(tensors):
        raise KanpdeError(mismatch)
    shapes = {k: v.shape for k, v in build_shapes(architecture, signature).state_dict().items()}
    if shapes != {k: v.shape for k, v in tensors.items()}:
        raise KanpdeError(mismatch)
    network = architecture.build(signature, torch.Generator().manual_seed(0))
    network.load_state_dict(tensors)
    return network


def save_state(path: Path, state: State) -> None:
    """Write a checkpoint."""
    tensors = {"generator": state.generator}
    for kind in ("weights", "best", "moments"):
        # safetensors refuses tensors that share memory, as the best weights may.
        tensors |= {f"{kind}/{k}": v.clone() for k, v in getattr(state, kind).items()}
    _write(path, tensors, {name: getattr(state, name) for name in _STATE})


def load_state(path: Path) -> State:
    """Read back a checkpoint. Raises KanpdeError for a damaged one."""
    tensors, data = _read(path)
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "moments": {}}
    try:
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            if kind in parts:
                parts[kind][name] = value
        rest: dict[str, Any] = {name: data[name] for name in _STATE}
        rest["status"] = TrainingStatus(rest["status"])
        return State(
            parts["weights"], parts["best"], parts["moments"], tensors["generator"], **rest
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KanpdeError(f"{path} is damaged ({error})") from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        data = json.loads(metadata["operator"])
        found = data["format"], data["version"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise KanpdeError(f"{path} is damaged or not an operator of kanpde ({error})") from error
    if found[0] != FORMAT:
        raise KanpdeError(
            f"{path} has the format {found[0]} of kanpde {found[1]}, and this version "
            f"({__version__}) reads format {FORMAT}: train it again"
        )
    return tensors, data
