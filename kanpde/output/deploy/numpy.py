"""A solution as one Python file that needs NumPy alone."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import InputKind
from torch.fx import Node

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_text
from kanpde.output.deploy.graph import export_program, exported_names
from kanpde.solution.solution import Solution

_HEAD = '''"""{title}

{names} as functions of {inputs}; written by kanpde {version}. NaN outside of {ends}.
"""

import base64
import math

import numpy as np

INPUTS = {inputs_tuple}
FIELDS = {names_tuple}


def solution({inputs}):
    """{what} at coordinates that broadcast."""
    arrays = np.broadcast_arrays(*(np.asarray(a, float) for a in ({inputs},)))
    values = evaluate(np.stack([a.ravel() for a in arrays], 1)).reshape(*arrays[0].shape, -1)
    {back}


def _array(shape, data):
    return np.frombuffer(base64.b64decode(data), "<f8").reshape(shape)


_erf = np.vectorize(math.erf, otypes=[float])


def _view(a, shape):
    return np.reshape(a, shape)


def _slice(a, axis=0, start=None, end=None, step=1):
    index = [slice(None)] * a.ndim
    index[axis] = slice(start, end, step)
    return a[tuple(index)]


def _expand(a, shape):
    shape = list(shape)
    lead = len(shape) - a.ndim
    for k, n in enumerate(a.shape):
        if shape[lead + k] == -1:
            shape[lead + k] = n
    return np.broadcast_to(a, shape)

'''

_UNARY = {
    "tanh": "np.tanh", "sin": "np.sin", "cos": "np.cos", "tan": "np.tan", "exp": "np.exp",
    "log": "np.log", "sqrt": "np.sqrt", "sinh": "np.sinh", "cosh": "np.cosh", "asin": "np.arcsin",
    "acos": "np.arccos", "atan": "np.arctan", "erf": "_erf", "sign": "np.sign", "abs": "np.abs",
    "neg": "np.negative", "logical_not": "np.logical_not", "bitwise_not": "np.logical_not",
    "reciprocal": "np.reciprocal", "clone": "", "alias": "", "lift_fresh_copy": "",
    "detach": "", "_to_copy": "np.asarray", "contiguous": "",
}  # fmt: skip
_BINARY = {
    "mul": "*", "sub": "-", "add": "+", "div": "/", "pow": "**", "mm": "@", "bmm": "@",
    "matmul": "@", "ge": ">=", "le": "<=", "gt": ">", "lt": "<", "eq": "==", "ne": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "logical_and": "&", "logical_or": "|",
}  # fmt: skip

# What the arguments of an operation are called, as text -> its NumPy expression.
_OTHERS: dict[str, Callable[..., str]] = {
    "view": lambda a, shape: f"_view({a}, {shape})",
    "reshape": lambda a, shape: f"_view({a}, {shape})",
    "slice": lambda *a: f"_slice({', '.join(a)})",
    "select": lambda a, axis, index: f"np.take({a}, {index}, axis={axis})",
    "cat": lambda parts, axis="0": f"np.concatenate({parts}, axis={axis})",
    "stack": lambda parts, axis="0": f"np.stack({parts}, axis={axis})",
    "unsqueeze": lambda a, axis: f"np.expand_dims({a}, {axis})",
    "squeeze": lambda a, axis: f"np.squeeze({a}, axis=tuple({axis}))",
    "expand": lambda a, shape: f"_expand({a}, {shape})",
    "permute": lambda a, order: f"np.transpose({a}, {order})",
    "transpose": lambda a, i, j: f"np.swapaxes({a}, {i}, {j})",
    "flip": lambda a, axes: f"np.flip({a}, {axes})",
    "t": lambda a: f"np.transpose({a})",
    "full_like": lambda a, value: f"np.full_like({a}, {value})",
    "full": lambda shape, value: f"np.full({shape}, {value})",
    "scalar_tensor": lambda value: f"np.asarray({value}, float)",
    "zeros_like": lambda a: f"np.zeros_like({a})",
    "minimum": lambda a, b: f"np.minimum({a}, {b})",
    "maximum": lambda a, b: f"np.maximum({a}, {b})",
    "clamp": lambda a, low="None", high="None": f"np.clip({a}, {low}, {high})",
    "where": lambda c, a, b: f"np.where({c}, {a}, {b})",
    "any": lambda a, axis, keep="False": f"np.any({a}, axis={axis}, keepdims={keep})",
    "all": lambda a, axis, keep="False": f"np.all({a}, axis={axis}, keepdims={keep})",
    "sum": lambda a, axis, keep="False": f"np.sum({a}, axis=tuple({axis}), keepdims={keep})",
    "sym_size": lambda a, axis: f"{a}.shape[{axis}]",
    "arange": lambda *a: f"np.arange({', '.join(a)}, dtype=float)",
    "sigmoid": lambda a: f"(1 / (1 + np.exp(-{a})))",
}


def write(solution: Solution, path: Path) -> None:
    """Write the file: `from solution import solution` gives a function of the coordinates.

    Raises KanpdeError where the solution holds an operation that has no NumPy form.
    """
    write_text(path, _head(solution) + _body(solution))


def _head(solution: Solution) -> str:
    problem = solution.problem
    names, inputs = exported_names(solution), problem.domain.names
    alone = len(names) == 1
    ends = ", ".join(f"{a.name} in [{a.lower:g}, {a.upper:g}]" for a in problem.domain.axes)
    title = (problem.title or "A solution").replace("\\", "/").replace('"""', "'''")
    return _HEAD.format(
        title=title,
        names=", ".join(names),
        inputs=", ".join(inputs),
        version=__version__,
        ends=ends,
        inputs_tuple=repr(tuple(inputs)),
        names_tuple=repr(tuple(names)),
        what=f"The field {names[0]}" if alone else "The fields, by name,",
        back="return values[..., 0]"
        if alone
        else "return {name: values[..., k] for k, name in enumerate(FIELDS)}",
    )


def _body(solution: Solution) -> str:
    program = export_program(solution)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        program = program.run_decompositions()
    constants = {**dict(program.state_dict), **dict(program.constants)}
    targets = {s.arg.name: s for s in program.graph_signature.input_specs}
    lines, arrays = [], []
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec = targets[node.name]
            if spec.kind is InputKind.USER_INPUT:
                lines.append(f"{node.name} = points")
            else:
                arrays.append(f"_{node.name} = {_literal(constants[spec.target])}")
                lines.append(f"{node.name} = _{node.name}")
        elif node.op == "call_function":
            text = _translate(node)
            if text:
                lines.append(f"{node.name} = {text}")
        elif node.op == "output":
            lines.append(f"return {_text(node.args[0][0])}")
    body = "\n    ".join(lines)
    return (
        "\n".join(arrays)
        + "\n\n\ndef evaluate(points):\n"
        + '    """The FIELDS, (N, fields), at points (N, axes) with columns as in INPUTS."""\n'
        + f"    points = np.asarray(points, float)\n    {body}\n"
    )


def _literal(tensor: torch.Tensor) -> str:
    values = tensor.detach().cpu().double().numpy().astype("<f8")
    return f'_array({values.shape}, "{base64.b64encode(values.tobytes()).decode()}")'


def _translate(node: Node) -> str:
    """A call of the graph as a NumPy expression; empty for what computes nothing."""
    name = str(node.target).removeprefix("aten.").split(".")[0]
    if name.startswith("_assert") or name == "sym_constrain_range_for_size":
        return ""
    args = [_text(a) for a in node.args]
    if name in _UNARY:
        return f"{_UNARY[name]}({args[0]})"
    if name in _BINARY:
        right = f"{_text(node.kwargs['alpha'])} * {args[1]}" if "alpha" in node.kwargs else args[1]
        return f"{args[0]} {_BINARY[name]} {right}"
    if name not in _OTHERS:
        raise KanpdeError(f"the operation {node.target} of this solution has no NumPy form")
    return _OTHERS[name](*args)


def _text(value: Any) -> str:
    """An argument of a call as Python text."""
    if isinstance(value, Node):
        return value.name
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_text(v) for v in value)}]"
    if isinstance(value, Mapping):
        raise KanpdeError("an operation of this solution has no NumPy form")
    if isinstance(value, float):
        return repr(value) if value - value == 0 else f'float("{value}")'
    # torch writes 2^63 - 1 for "to the end".
    return "None" if value == 2**63 - 1 else repr(value)
