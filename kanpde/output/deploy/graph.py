"""A solution as a graph of tensor operations, for any number of points."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from kanpde.errors import KanpdeError
from kanpde.solution.module import SolutionModule
from kanpde.solution.solution import Solution
from kanpde.symbols.tabulated import tables_in

aten = torch.ops.aten
_ARITHMETIC = {f"aten.{name}.Tensor" for name in ("add", "sub", "mul", "div")}


def export_program(solution: Solution) -> ExportedProgram:
    """The program (N, dimension) -> (N, fields) of a solution, N of any size from one on.

    Its columns are `exported_names`. Raises KanpdeError where torch cannot export the solution.
    """
    return _export(_module(solution), _points(solution))


def export_exact_program(solution: Solution) -> ExportedProgram:
    """The same with its numbers as float64 constants: ONNX rounds those in the code to float32."""
    points = _points(solution)
    traced = _export(_module(solution), points).module()
    assert isinstance(traced, GraphModule)
    for node in list(traced.graph.nodes):
        if node.op != "call_function":
            continue
        for k, value in enumerate(node.args):
            if not isinstance(value, float):
                continue
            name = f"number_{node.name}_{k}"
            traced.register_buffer(name, torch.tensor(value, dtype=torch.float64))
            with traced.graph.inserting_before(node):
                number = traced.graph.get_attr(name)
                if str(node.target) in _ARITHMETIC:
                    node.update_arg(k, number)
                elif str(node.target) == "aten.rsub.Scalar":
                    node.target, node.args = aten.sub.Tensor, (number, node.args[0])
                elif str(node.target) == "aten.full_like.default":
                    ones = traced.graph.call_function(aten.ones_like.default, (node.args[0],))
                    node.target, node.args, node.kwargs = aten.mul.Tensor, (ones, number), {}
    traced.recompile()
    return _export(traced, points)


def exported_names(solution: Solution) -> tuple[str, ...]:
    """The outputs that a program holds: those that need no derivatives."""
    return _module(solution).names


def _module(solution: Solution) -> SolutionModule:
    if solution.problem.materials:
        raise KanpdeError(
            "a solution of several materials cannot become a program, since the place of a point "
            "chooses among its networks; load it with kanpde.load, or take its fields as vtu or csv"
        )
    module = SolutionModule(solution.problem, solution.pieces, derivatives=False)
    held = [e for piece in solution.pieces for e in piece.ansatz.lift.values()]
    held += [solution.problem.outputs[n] for n in module.names if n in solution.problem.outputs]
    for table in tables_in(*held).values():
        raise KanpdeError(
            f"{table.place} stands in a boundary value or a derived output, and a program cannot "
            "hold it; train the boundary values, Plan(enforce=False), leave out the output, or "
            "load the solution with kanpde.load"
        )
    return module.eval().requires_grad_(False)


def _points(solution: Solution) -> torch.Tensor:
    low, high = solution.problem.domain.bounds
    return torch.from_numpy(low + (high - low) * [[0.3], [0.6], [0.7]]).double()


def _export(module: nn.Module, points: torch.Tensor) -> ExportedProgram:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
            return torch.export.export(module, (points,), dynamic_shapes=({0: Dim("N", min=1)},))
    except Exception as error:
        # torch.export raises its own errors of many kinds for what it does not know.
        reason = str(error).strip().splitlines()[0]
        raise KanpdeError(f"torch cannot export this solution ({reason})") from error
