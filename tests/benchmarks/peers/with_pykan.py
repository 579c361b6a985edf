"""pykan: splines of degree 3, L-BFGS on finer and finer grids, as in its example of a PDE.

The grids (5, 10, 20), the updates of the grids, the 51 x 51 points and L-BFGS are the example's;
each grid has a third of the time. Poisson has the widths of the KAN paper (2, 10, 1), where the
example has (2, 2, 1); the other problems (2, 5, 5, 1). Float64 instead of float32.
"""

# mypy: ignore-errors
import math
import os
import tempfile

import numpy as np
import torch
from kan import KAN, LBFGS
from task import Task, read_task

PI = math.pi
GRIDS = (5, 10, 20)
WIDTHS = {"poisson": [2, 10, 1], "burgers": [2, 5, 5, 1], "allen_cahn": [3, 5, 5, 1]}


def features(problem: str, z: torch.Tensor) -> torch.Tensor:
    """The network's inputs."""
    if problem != "allen_cahn":
        return z
    return torch.cat([torch.cos(PI * z[:, :1]), torch.sin(PI * z[:, :1]), z[:, 1:]], 1)


def field(problem: str, model: KAN, z: torch.Tensor) -> torch.Tensor:
    """u at points (N, 2)."""
    value = model(features(problem, z))
    a, b = z[:, :1], z[:, 1:]
    if problem == "poisson":
        return (1 - a**2) * (1 - b**2) * value
    if problem == "burgers":
        return -torch.sin(PI * a) + b * (1 - a**2) * value
    return value


def loss(problem: str, model: KAN, z: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """The mean square of the residual, and of the initial value where it is trained."""
    z = z.clone().requires_grad_(True)
    u = field(problem, model, z)
    (first,) = torch.autograd.grad(u.sum(), z, create_graph=True)
    (u_a,) = torch.autograd.grad(first[:, 0].sum(), z, create_graph=True)
    u_xx = u_a[:, :1]
    if problem == "poisson":
        (u_b,) = torch.autograd.grad(first[:, 1].sum(), z, create_graph=True)
        source = 2 * PI**2 * torch.sin(PI * z[:, :1]) * torch.sin(PI * z[:, 1:])
        return (u_xx + u_b[:, 1:] + source).square().mean()
    u_x, u_t = first[:, :1], first[:, 1:]
    if problem == "burgers":
        return (u_t + u * u_x - 0.01 / PI * u_xx).square().mean()
    residual = u_t - 1e-4 * u_xx - 5 * (u - u**3)
    begin = field(problem, model, start) - start[:, :1] ** 2 * torch.cos(PI * start[:, :1])
    return residual.square().mean() + 100 * begin.square().mean()


def mesh(problem: str) -> tuple[torch.Tensor, torch.Tensor]:
    """51 x 51 interior points, and points at t = 0."""
    x = torch.linspace(-1, 1, 51)
    second = x if problem == "poisson" else torch.linspace(0, 1, 51)
    grid = torch.stack(torch.meshgrid(x, second, indexing="ij"), -1).reshape(-1, 2)
    fine = torch.linspace(-1, 1, 201)[:, None]
    return grid, torch.cat([fine, torch.zeros_like(fine)], 1)


def train(task: Task, model: KAN, z: torch.Tensor, start: torch.Tensor, part: float) -> int:
    """L-BFGS until this part of the time is spent; leaves the best state. The steps taken."""
    optimizer = LBFGS(
        model.parameters(), lr=1, max_iter=5, history_size=10, line_search_fn="strong_wolfe",
        tolerance_grad=1e-32, tolerance_change=1e-32, tolerance_ys=1e-32,
    )  # fmt: skip

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(task.problem, model, z, start)
        value.backward()
        return value

    best, kept, steps = math.inf, None, 0
    while not task.over(part):
        if steps % 20 == 0 and steps < 80:  # each 100 iterations, of the first 400
            model.update_grid_from_samples(features(task.problem, z))
            best = math.inf  # another function
        optimizer.step(closure)
        steps += 1
        value = float(loss(task.problem, model, z, start))
        if value < best:
            best = value
            kept = {k: v.detach().clone() for k, v in model.state_dict().items()}
        if not math.isfinite(value):
            break
    if kept is not None:
        model.load_state_dict(kept)
    return steps


def main() -> None:
    torch.set_default_dtype(torch.float64)
    task = read_task()
    z, start = mesh(task.problem)
    steps = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # it writes its checkpoints into a folder "model" here
        for k, grid in enumerate(GRIDS):
            if k == 0:
                model = KAN(width=WIDTHS[task.problem], grid=grid, k=3, seed=task.seed)
            else:
                model.save_act = True
                model.get_act(features(task.problem, z))
                model = model.refine(grid)
            model = model.speed()
            steps.append(train(task, model, z, start, (k + 1) / len(GRIDS)))
        seconds = task.seconds
        os.chdir(task.out.parent)
    with torch.no_grad():
        values = field(task.problem, model, torch.from_numpy(task.points)).numpy()
    last = float(loss(task.problem, model, z, start))
    task.finish(
        np.nan_to_num(values),
        seconds,
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        steps={"L-BFGS calls of 5 steps": steps},
        loss=last if math.isfinite(last) else None,
    )


main()
