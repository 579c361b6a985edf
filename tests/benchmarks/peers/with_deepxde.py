"""DeepXDE: tanh networks in float64, Adam, then L-BFGS.

Networks, numbers of points and the rate are those of its own examples (Burgers and Allen-Cahn: 3
layers of 20; Poisson on the L-shape: 4 of 50); float64 is what its documentation advises for
L-BFGS. On shapes the domain is its own constructive geometry, with 2,500 points inside and 400 on
the boundary, and the network that of the L-shape. Adam takes the examples' steps, at most the first
30 % of the time; L-BFGS takes the rest.
"""

# mypy: ignore-errors
import os

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import numpy as np
import torch
from task import HOLES, SHEET, Task, read_task

PI = np.pi
ADAM_STEPS = {"allen_cahn": 40_000}
ADAM_STEPS_ELSEWHERE = 15_000


class Deadline(dde.callbacks.Callback):
    """Ends a training when this part of the task's time is spent."""

    def __init__(self, task: Task, part: float) -> None:
        super().__init__()
        self.task, self.part = task, part

    def on_epoch_end(self) -> None:
        if self.task.over(self.part):
            self.model.stop_training = True


def poisson():
    def residual(x, u):
        laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
        return laplacian + 2 * PI**2 * torch.sin(PI * x[:, 0:1]) * torch.sin(PI * x[:, 1:2])

    data = dde.data.PDE(
        dde.geometry.Rectangle([-1, -1], [1, 1]), residual, [], num_domain=2500, num_test=None
    )
    net = dde.nn.FNN([2] + [50] * 4 + [1], "tanh", "Glorot normal")
    net.apply_output_transform(lambda x, u: (1 - x[:, 0:1] ** 2) * (1 - x[:, 1:2] ** 2) * u)
    return dde.Model(data, net), None


def disk():
    def residual(x, u):
        laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
        a, b = x[:, 0:1], x[:, 1:2]
        bowl, wave, slope = 1 - a**2 - b**2, torch.sin(3 * a + 1), 3 * torch.cos(3 * a + 1)
        along = -2 * wave - 4 * a * slope - 9 * bowl * wave
        return laplacian - (along + (-2 - 4 * b + bowl) * wave) * torch.exp(b)

    data = dde.data.PDE(dde.geometry.Disk([0, 0], 1), residual, [], num_domain=2500, num_test=None)
    net = dde.nn.FNN([2] + [50] * 4 + [1], "tanh", "Glorot normal")
    net.apply_output_transform(lambda x, u: (1 - x[:, 0:1] ** 2 - x[:, 1:2] ** 2) * u)
    return dde.Model(data, net), None


def holes():
    (left, right), (low, high) = SHEET
    sheet = dde.geometry.Rectangle([left, low], [right, high])
    circles = {name: dde.geometry.Disk([x, y], r) for name, (x, y, r, _) in HOLES.items()}
    plate = sheet
    for circle in circles.values():
        plate = dde.geometry.CSGDifference(plate, circle)

    def residual(x, u):
        return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)

    def always(value):
        return lambda x: value

    def on(geometry):
        return lambda x, on_boundary: on_boundary and geometry.on_boundary(x)

    conditions = [dde.icbc.DirichletBC(plate, lambda x: 0, on(sheet))]
    for name, circle in circles.items():
        given = HOLES[name][3]
        make = dde.icbc.NeumannBC if name == "heated" else dde.icbc.DirichletBC
        conditions.append(make(plate, always(given), on(circle)))
    data = dde.data.PDE(
        plate, residual, conditions, num_domain=2500, num_boundary=400, num_test=None
    )
    net = dde.nn.FNN([2] + [50] * 4 + [1], "tanh", "Glorot normal")
    return dde.Model(data, net), None


def space_time():
    return dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))


def burgers():
    def residual(x, u):
        u_x, u_t = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=0, j=1)
        return u_t + u * u_x - 0.01 / PI * dde.grad.hessian(u, x, i=0, j=0)

    data = dde.data.TimePDE(space_time(), residual, [], num_domain=2540)
    net = dde.nn.FNN([2] + [20] * 3 + [1], "tanh", "Glorot normal")
    net.apply_output_transform(
        lambda x, u: -torch.sin(PI * x[:, 0:1]) + x[:, 1:2] * (1 - x[:, 0:1] ** 2) * u
    )
    return dde.Model(data, net), None


def allen_cahn():
    def residual(x, u):
        u_xx = dde.grad.hessian(u, x, i=0, j=0)
        return dde.grad.jacobian(u, x, i=0, j=1) - 1e-4 * u_xx - 5 * (u - u**3)

    geometry = space_time()
    initial = dde.icbc.IC(
        geometry,
        lambda x: x[:, 0:1] ** 2 * np.cos(PI * x[:, 0:1]),
        lambda _, on_initial: on_initial,
    )
    data = dde.data.TimePDE(geometry, residual, [initial], num_domain=8000, num_initial=800)
    net = dde.nn.FNN([3] + [20] * 3 + [1], "tanh", "Glorot normal")
    net.apply_feature_transform(
        lambda x: torch.cat(
            [torch.cos(PI * x[:, 0:1]), torch.sin(PI * x[:, 0:1]), x[:, 1:2]], dim=1
        )
    )
    # An initial value that is trained needs a weight, 100 as in the papers on this problem.
    return dde.Model(data, net), [1, 100]


def main() -> None:
    dde.config.set_default_float("float64")
    task = read_task()
    dde.config.set_random_seed(task.seed)
    model, weights = {
        "poisson": poisson,
        "burgers": burgers,
        "allen_cahn": allen_cahn,
        "poisson/disk": disk,
        "laplace/holes": holes,
    }[task.problem]()
    model.compile("adam", lr=1e-3, loss_weights=weights)
    model.train(
        iterations=ADAM_STEPS.get(task.problem, ADAM_STEPS_ELSEWHERE),
        display_every=1000,
        callbacks=[Deadline(task, 0.3)],
        verbose=0,
    )
    adam = model.train_state.step
    dde.optimizers.set_LBFGS_options(gtol=1e-12, maxiter=10**7)
    # It looks at the clock between calls of torch's optimiser only.
    dde.optimizers.config.LBFGS_options["iter_per_step"] = 20
    dde.optimizers.config.LBFGS_options["fun_per_step"] = 50
    while not task.over():
        before = model.train_state.step
        model.compile("L-BFGS", loss_weights=weights)
        model.train(callbacks=[Deadline(task, 1.0)], verbose=0)
        if model.train_state.step - before < 50:
            break  # it has converged, and a fresh start does not help
    seconds = task.seconds
    task.finish(
        model.predict(task.points),
        seconds,
        parameters=sum(p.numel() for p in model.net.parameters()),
        steps={"Adam": adam, "L-BFGS": model.train_state.step - adam},
        loss=float(np.sum(model.train_state.loss_train)),
    )


main()
