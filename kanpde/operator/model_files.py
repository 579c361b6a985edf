"""Operators and their trainings on disk: safetensors and JSON, no pickle.

model-0.safetensors   the best weights of the first network, with signature and plan
state-0.safetensors   all that its training needs to go on; gone when that is over
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.files import write_whole
from kanpde.operator.data import AnyPairs, GridAxis, Pairs, PointPairs
from kanpde.operator.losses import H1, L2
from kanpde.operator.model import Operator, Plan, Signature
from kanpde.operator.networks.branch import BranchTrunk
from kanpde.operator.networks.fno import FNO
from kanpde.operator.networks.maps import KANMaps, MLPMaps
from kanpde.operator.trainer import State, Training

FORMAT = 2
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        FNO, BranchTrunk, KANMaps, MLPMaps, H1, L2, Training, Signature,
    )
}  # fmt: skip
_STATE = ("epoch", "seconds", "best_epoch", "best_validation", "status", "rows")


def to_data(value: Any) -> Any:
    """A frozen value as plain data; `from_data` gives it back."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: to_data(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"kind": type(value).__name__, **parts}
    return list(map(to_data, value)) if isinstance(value, (tuple, list)) else value


def from_data(data: Any) -> Any:
    """The value that `to_data` was given. Raises KanpdeError for an unknown kind."""
    if isinstance(data, dict):
        kind = data.get("kind")
        if kind not in _KINDS:
            raise KanpdeError(f"the kind {kind!r} is unknown to kanpde {__version__}")
        return _KINDS[kind](**{k: from_data(v) for k, v in data.items() if k != "kind"})
    return tuple(map(from_data, data)) if isinstance(data, list) else data


def save_member(path: Path, weights: dict[str, Tensor], data: dict[str, Any]) -> None:
    """Write the weights of one network with its description."""
    whole = {"format": FORMAT, "version": __version__, **data}
    tensors = {k: v.contiguous() for k, v in weights.items()}
    write_whole(path, lambda p: save_file(tensors, p, {"operator": json.dumps(whole)}))


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
    paths = sorted(folder.glob("model-*.safetensors"), key=lambda p: (len(p.name), p.name))
    if not paths:
        what = "holds no operator" if folder.is_dir() else "is no folder"
        raise KanpdeError(f"{folder} {what}; `kanpde operator train` writes one")
    members = [load_member(path) for path in paths]
    (_, first), networks = members[0], [network.to(device).eval() for network, _ in members]
    return Operator(
        first["signature"], first["plan"], tuple(networks), bool(first["symmetrize"]), first
    )


def load_member(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """One network, and its description with `signature` and `plan` as values."""
    tensors, data = _read(path)
    try:
        plan, signature = from_data(data["plan"]), from_data(data["signature"])
        network = rebuilt(plan, signature)
        shapes = {k: v.shape for k, v in network.state_dict().items()}
        if shapes != {k: v.shape for k, v in tensors.items()}:
            raise KanpdeError("its weights have other shapes than its plan says")
        network.load_state_dict(tensors)
    except KanpdeError as error:
        raise KanpdeError(f"{path} cannot be read: {error}") from error
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    return network, {**data, "plan": plan, "signature": signature}


def rebuilt(plan: Plan, signature: Signature) -> nn.Module:
    """A network of the shape that training data of this signature gave."""
    return plan.build(_example(signature), torch.Generator().manual_seed(0))


def _example(s: Signature) -> AnyPairs:
    """Data of a signature: one sample of zeros."""
    if not s.periodic:
        inputs = {n: torch.zeros(1, *s.input_shape).numpy() for n in s.inputs}
        outputs = {n: torch.zeros(1, *s.shape).numpy() for n in s.outputs}
        return PointPairs(s.axes, torch.zeros(*s.shape, len(s.axes)).numpy(), inputs, outputs)
    axes = tuple(
        GridAxis(name, low + length / n * torch.arange(n, dtype=torch.float64).numpy(), periodic)
        for name, low, length, n, periodic in zip(
            s.axes, s.lower, s.extent, s.shape, s.periodic, strict=True
        )
    )
    zeros = torch.zeros(1, *s.shape).numpy()
    inputs, outputs = (dict.fromkeys(names, zeros) for names in (s.inputs, s.outputs))
    return Pairs(axes, inputs, outputs, s.symmetry)


def save_state(path: Path, state: State) -> None:
    """Write a checkpoint."""
    tensors = {"generator": state.generator}
    for kind in ("weights", "best", "moments"):
        # safetensors refuses tensors that share memory, as the best weights may.
        tensors |= {f"{kind}/{k}": v.clone() for k, v in getattr(state, kind).items()}
    data = {"format": FORMAT, "version": __version__}
    data |= {name: getattr(state, name) for name in _STATE}
    write_whole(path, lambda p: save_file(tensors, p, {"operator": json.dumps(data)}))


def load_state(path: Path) -> State:
    """Read back a checkpoint. Raises KanpdeError for a damaged one."""
    tensors, data = _read(path)
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "moments": {}}
    try:
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            if kind in parts:
                parts[kind][name] = value
        told: dict[str, Any] = {name: data[name] for name in _STATE}
        return State(
            parts["weights"], parts["best"], parts["moments"], tensors["generator"], **told
        )
    except (KeyError, TypeError) as error:
        raise KanpdeError(f"{path} is damaged ({error})") from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        data = json.loads(metadata["operator"])
        found = data["format"], data["version"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise KanpdeError(f"{path} is damaged or no operator of kanpde ({error})") from error
    if found[0] != FORMAT:
        raise KanpdeError(
            f"{path} has the format {found[0]} of kanpde {found[1]}, and this version "
            f"({__version__}) reads format {FORMAT}: train it again"
        )
    return tensors, data
