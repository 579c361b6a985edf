"""What a training of an operator was asked to do, as a value and as data for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.operator.model import Architecture
from kanpde.operator.model_files import KINDS
from kanpde.operator.plain import check_fields, from_data, to_data
from kanpde.operator.training import Training


@dataclass(frozen=True)
class Config:
    """What a training was asked to do; with the data file, all that `resume` needs."""

    data: str
    samples: int
    step: bool
    seeds: tuple[int, ...]
    device: str
    plan: Architecture
    training: Training
    physics: float | None = None  # weight in the loss of the residual of the folder's problem.py


def config_to_data(config: Config) -> dict[str, Any]:
    """A configuration as plain data; `read_fields` gives it back."""
    return {
        "data": config.data,
        "samples": config.samples,
        "step": config.step,
        "seeds": list(config.seeds),
        "device": config.device,
        "plan": to_data(config.plan),
        "training": to_data(config.training),
        "physics": config.physics,
    }


def read_fields(data: dict[str, Any]) -> Config:
    """A configuration of plain data. Raises KanpdeError for a value that is not of its type."""
    plan, training = from_data(data["plan"], KINDS), from_data(data["training"], KINDS)
    seeds = data["seeds"]
    config = Config(
        data["data"], data["samples"], data["step"],
        tuple(seeds) if isinstance(seeds, list) else seeds,
        data["device"], plan, training, data.get("physics"),
    )  # fmt: skip
    check_fields(config)
    if not config.seeds or not all(0 <= seed < 2**33 for seed in config.seeds):
        raise KanpdeError("seeds is not a list of whole numbers from 0 on")
    return config
