"""Training on several ranks: rank 0 leads with `Leader`, and the others `follow`.

Rank 0 runs the whole program as it is. For the systems that a trainer steps on it sends the others
the problem and the network, as a model file holds them (so that no file is read there and no code
is run), and their points; then it asks for sums (`kanpde.assembly.shared`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.build_terms import build_terms
from kanpde.assembly.parts import Parts, Slice, build_part, cut, slice_of
from kanpde.assembly.shared import SharedSystem
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import Term
from kanpde.assembly.workers import Workers, workers
from kanpde.distributed.hold import hold_interrupts, ignore_interrupts
from kanpde.distributed.ranks import Message, Ranks
from kanpde.network.network import Network
from kanpde.problem.problem import Problem
from kanpde.solution.model_file import contents, restore
from kanpde.solution.outcome import UNFINISHED
from kanpde.solution.pieces import Piece
from kanpde.solution.solution import Solution

# Where the JSON of a piece stands among its tensors.
_DATA = "data"


@dataclass
class Leader:
    """Rank 0's side: what the others have of the problem at hand."""

    ranks: Ranks
    _sent: str = field(default="", repr=False)

    def share(self, problem: Problem, ansatz: Ansatz, system: ResidualSystem) -> ResidualSystem:
        """The same system, evaluated by all ranks.

        With fewer rows than parameters it stays that of rank 0, which solves it in their space.
        """
        if system.underdetermined and not system.has_energy:
            return system
        with hold_interrupts():
            self._send_piece(problem, ansatz, system.network)
            self._send_points(system)
        return SharedSystem(system, self.ranks)

    def _send_piece(self, problem: Problem, ansatz: Ansatz, network: Network) -> None:
        """The problem, the ansatz and the form of the network, if they are not the last ones."""
        if self.ranks.size == 1:
            return
        piece = Piece(problem.domain, ansatz, network)
        data, tensors = contents(Solution(problem, (piece,), UNFINISHED, 0, 0.0, 0, None, {}))
        text = json.dumps(data)
        if text == self._sent:
            return
        coded = torch.tensor(list(text.encode()), dtype=torch.uint8)
        whole = save_tensors({**tensors, _DATA: coded})
        self.ranks.tell(Message.PIECE, torch.frombuffer(bytearray(whole), dtype=torch.uint8))
        self._sent = text

    def _send_points(self, system: ResidualSystem) -> None:
        ranks = self.ranks
        if ranks.size == 1:
            return
        shapes = [(*rows.places.shape, len(rows.weights)) for rows in system.rows]
        text = json.dumps(shapes).encode()
        ranks.tell(Message.BIND, torch.tensor(list(text), dtype=torch.uint8))
        for rank in range(1, ranks.size):
            for part in ranks.own_parts(rank):
                for rows in system.rows:
                    own = slice_of(rows, part, ranks.parts)
                    if len(own.places):
                        ranks.send(torch.cat([own.places, torch.stack([*own.weights], 1)], 1), rank)


@dataclass
class _Follower:
    """What a rank knows of the problem at hand."""

    ranks: Ranks
    workers: Workers
    terms: list[Term] = field(default_factory=list)
    network: Network | None = None
    parts: Parts | None = None
    _known: str = ""

    def answer(self, kind: Message, payload: Tensor) -> None:
        """Do what rank 0 asks for."""
        if kind is Message.PIECE:
            self._read_piece(load_tensors(bytes(payload.numpy())))
        elif kind is Message.BIND:
            self._bind(json.loads(bytes(payload.numpy())))
        else:
            assert self.parts is not None
            form = {
                Message.NORMAL: self.parts.normal,
                Message.TRIAL: self.parts.trial,
                Message.GRADIENT: self.parts.gradient,
            }[kind]
            self.ranks.add_up(form(payload.to(self.ranks.device)))

    def _read_piece(self, tensors: dict[str, Tensor]) -> None:
        data: dict[str, Any] = json.loads(bytes(tensors.pop(_DATA).numpy()))
        solution = restore(data, tensors, {})
        (piece,) = solution.pieces
        self.network = piece.network.to(self.ranks.device)
        known = _describe_all_but_network(data)
        if known != self._known:
            self.terms = build_terms(solution.problem, piece.ansatz, piece.ansatz.trained)
            self._known = known

    def _bind(self, shapes: list[tuple[int, int, int]]) -> None:
        assert self.network is not None
        ranks, systems = self.ranks, []
        for part in ranks.own_parts(ranks.rank):
            slices = []
            for term, (count, columns, equations) in zip(self.terms, shapes, strict=True):
                at = cut(count, part, ranks.parts)
                size = at.stop - at.start
                table = torch.empty(
                    size, columns + equations, dtype=torch.float64, device=ranks.device
                )
                if size:
                    ranks.receive(table, 0)
                places = table[:, :columns].contiguous()
                slices.append(Slice(term, places, table[:, columns:].unbind(1), at))
            systems.append(build_part(self.network, slices, self.workers))
        self.parts = Parts(self.network, systems)


def _describe_all_but_network(data: Mapping[str, Any]) -> str:
    pieces = [{k: v for k, v in piece.items() if k != "network"} for piece in data["pieces"]]
    return json.dumps([data["problem"], pieces])


def follow(ranks: Ranks) -> None:
    """Evaluate what rank 0 asks for, until it lets this rank go.

    Raises:
        LostRank: rank 0 has ended, or another rank whose sums are added here.
    """
    ignore_interrupts()
    with workers() as pool:
        follower = _Follower(ranks, pool)
        while True:
            kind, payload = ranks.hear()
            if kind is Message.END:
                return
            follower.answer(kind, payload)
