"""Training on several ranks: rank 0 leads, and the others `follow` with their share of each batch.

Each rank reads the data file itself. Rank 0 sends how the network is trained and where its
training stands, and then what the next step is; it alone writes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from kanpde.distributed.hold import hold_interrupts, ignore_interrupts
from kanpde.distributed.join import gather_texts
from kanpde.distributed.ranks import Message, Ranks
from kanpde.errors import KanpdeError
from kanpde.operator.config import Config, config_to_data, read_fields
from kanpde.operator.data import AnyPairs
from kanpde.operator.physics import Physics
from kanpde.operator.trainer import OperatorTrainer
from kanpde.operator.training import State
from kanpde.problem.loading import load_problem

PROBLEM = "problem.py"
# Where the JSON of a member stands among its tensors.
_DATA = "data"
Reader = Callable[[Path, bool], AnyPairs]


def build_trainer(
    folder: Path,
    config: Config,
    pairs: AnyPairs,
    member: int,
    state: State | None,
    ranks: Ranks | None,
) -> OperatorTrainer:
    """The trainer of one network, on all ranks.

    Raises KanpdeError where another rank has other data, or does not find them.
    """
    training, seed = config.training, config.seeds[member]
    if config.physics is not None:
        physics = Physics(load_problem(folder / PROBLEM), config.physics)
        training = replace(training, physics=physics)
    if ranks is None or ranks.size == 1:
        return OperatorTrainer(pairs, config.plan, training, seed, config.device, state)
    with hold_interrupts():
        ranks.tell(Message.MEMBER, _pack(folder, config, pairs, member, state))
        for rank, fault in enumerate(gather_texts("", ranks.rank, ranks.size)):
            if fault:
                raise KanpdeError(f"rank {rank}: {fault}")
        return OperatorTrainer(pairs, config.plan, training, seed, ranks.device, state, ranks)


def _pack(
    folder: Path, config: Config, pairs: AnyPairs, member: int, state: State | None
) -> Tensor:
    data = {
        "folder": str(folder.resolve()),
        "config": config_to_data(config),
        "member": member,
        "digest": _digest(pairs),
    }
    coded = torch.tensor(list(json.dumps(data).encode()), dtype=torch.uint8)
    moments = {} if state is None else {k: v.clone() for k, v in state.moments.items()}
    whole = save_tensors({**moments, _DATA: coded})
    return torch.frombuffer(bytearray(whole), dtype=torch.uint8)


def _digest(pairs: AnyPairs) -> int:
    """A check sum of the samples."""
    found = 0
    for values in (*pairs.inputs.values(), *pairs.outputs.values()):
        found = zlib.crc32(np.ascontiguousarray(values).tobytes(), found)
    return found


def follow(ranks: Ranks, read: Reader) -> None:
    """Do what rank 0 asks for until it ends; `read` gives the training samples of a file.

    Raises LostRank where rank 0 has ended without a word.
    """
    ignore_interrupts()
    trainer: OperatorTrainer | None = None
    while True:
        kind, payload = ranks.hear()
        if kind is Message.END:
            return
        if kind is Message.MEMBER:
            trainer = _join(ranks, payload, read)
        elif trainer is not None:
            trainer.descend(float(payload[0]), int(payload[1]), payload[2:].long())


def _join(ranks: Ranks, payload: Tensor, read: Reader) -> OperatorTrainer | None:
    """The trainer that rank 0 has described, or None where this rank cannot have it."""
    tensors = load_tensors(payload.numpy().tobytes())
    data: dict[str, Any] = json.loads(bytes(tensors.pop(_DATA).tolist()))
    try:
        config, pairs = _read_data(data, read)
        training, seed = config.training, config.seeds[data["member"]]
        if config.physics is not None:
            problem = load_problem(Path(data["folder"]) / PROBLEM)
            training = replace(training, physics=Physics(problem, config.physics))
    except KanpdeError as error:
        gather_texts(str(error), ranks.rank, ranks.size)
        return None
    faults = gather_texts("", ranks.rank, ranks.size)
    if any(faults):
        return None
    trainer = OperatorTrainer(pairs, config.plan, training, seed, ranks.device, None, ranks)
    trainer.load_moments(tensors)
    trainer.network.train()
    return trainer


def _read_data(data: dict[str, Any], read: Reader) -> tuple[Config, AnyPairs]:
    config = read_fields(data["config"])
    path = Path(config.data)
    if not path.is_file():
        raise KanpdeError(f"it does not find {path}; put the data where all ranks see them")
    pairs = read(path, config.step)
    if _digest(pairs) != data["digest"]:
        raise KanpdeError(f"{path} holds other samples there than on rank 0; copy the same file")
    return config, pairs
