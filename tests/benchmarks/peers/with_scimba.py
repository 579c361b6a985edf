"""Scimba: tanh networks and natural gradient, with the settings of its own examples.

A network of 4 layers of 24 in float64, trained by energy natural gradient with Armijo's line search
on 3,000 points inside and 2,000 on the boundary, as in its examples of Laplacians on discs; on them
values are trained with a weight of 30. Where the conditions can hold by construction they do, by
the post-processing that its examples use.
"""

# mypy: ignore-errors
import numpy as np
import torch
from scimba_torch.approximation_space.nn_space import NNxSpace
from scimba_torch.domain.meshless_domain.domain_2d import Disk2D, Square2D
from scimba_torch.integration.monte_carlo import DomainSampler, TensorizedSampler
from scimba_torch.integration.monte_carlo_parameters import UniformParametricSampler
from scimba_torch.neural_nets.coordinates_based_nets.mlp import GenericMLP
from scimba_torch.numerical_solvers.elliptic_pde.pinns import NaturalGradientPinnsElliptic
from scimba_torch.physical_models.elliptic_pde.laplacians import Laplacian2DDirichletStrongForm
from scimba_torch.utils.scimba_tensors import LabelTensor
from task import HOLES, SHEET, Task, read_task

LAYERS, POINTS, BOUNDARY, WEIGHT = [24] * 4, 3000, 2000, 30.0
EPOCHS = 5  # between looks at the clock


class Holes(Laplacian2DDirichletStrongForm):
    """Values on the sides and two holes, a flux into the third: by labels of the boundary."""

    def __init__(self, space):
        super().__init__(space)
        self.linear = True

    def rhs(self, w, x, mu):
        return torch.zeros(x.x.size(0), 1)

    def _flux(self, x):
        px, py = x[..., 0], x[..., 1]
        cx, cy, radius = HOLES["heated"][:3]
        return (px - cx) ** 2 + (py - cy) ** 2 < (1.05 * radius) ** 2

    def bc_rhs(self, w, x, n, mu):
        value = torch.zeros(x.x.size(0))
        for cx, cy, radius, given in HOLES.values():
            inside = (x.x[:, 0] - cx) ** 2 + (x.x[:, 1] - cy) ** 2 < (1.05 * radius) ** 2
            value = torch.where(inside, torch.full_like(value, given), value)
        return value[:, None]

    def bc_operator(self, w, x, n, mu):
        u = w.get_components()
        u_x, u_y = self.grad(u, x)
        n_x, n_y = n.get_components()
        return torch.where(self._flux(x.x)[:, None], n_x * u_x + n_y * u_y, u)

    def functional_operator_bc(self, func, x, n, mu, theta):
        slope = torch.func.jacrev(func, 0)(x, mu, theta)
        return torch.where(self._flux(x), (slope[0] * n).sum()[None], func(x, mu, theta))


def source_of_disk(x, mu):
    a, b = x.get_components()
    return -laplacian_of_disk(a, b)


def laplacian_of_disk(x, y):
    """Of (1 - x^2 - y^2) sin(3 x + 1) exp(y)."""
    wave, slope, grown = torch.sin(3 * x + 1), 3 * torch.cos(3 * x + 1), torch.exp(y)
    bowl = 1 - x**2 - y**2
    along = (-2 * wave - 4 * x * slope - 9 * bowl * wave) * grown
    return along + (-2 - 4 * y + bowl) * wave * grown


def source_of_square(x, mu):
    a, b = x.get_components()
    return 2 * np.pi**2 * torch.sin(np.pi * a) * torch.sin(np.pi * b)


def solver_of(problem):
    """The solver of a problem, whose values hold by construction but on holes."""
    vanishing = {
        "poisson": lambda x: (1 - x[:, 0:1] ** 2) * (1 - x[:, 1:2] ** 2),
        "poisson/disk": lambda x: 1 - x[:, 0:1] ** 2 - x[:, 1:2] ** 2,
    }.get(problem)
    if problem == "poisson/disk":
        domain = Disk2D((0.0, 0.0), 1.0, is_main_domain=True)
    else:
        bounds = SHEET if problem == "laplace/holes" else ((-1.0, 1.0), (-1.0, 1.0))
        domain = Square2D(bounds, is_main_domain=True)
    if problem == "laplace/holes":
        for x, y, radius, _ in HOLES.values():
            domain.add_hole(Disk2D((x, y), radius, is_main_domain=False))
    sampler = TensorizedSampler([DomainSampler(domain), UniformParametricSampler([(1.0, 1.00001)])])
    exact = {}
    if vanishing is not None:
        exact["post_processing"] = lambda inputs, x, mu: vanishing(x.x) * inputs
    space = NNxSpace(1, 1, GenericMLP, domain, sampler, layer_sizes=LAYERS, **exact)
    if vanishing is None:
        return NaturalGradientPinnsElliptic(Holes(space), bc_type="weak", bc_weight=WEIGHT)
    source = source_of_disk if problem == "poisson/disk" else source_of_square
    pde = Laplacian2DDirichletStrongForm(space, f=source)
    return NaturalGradientPinnsElliptic(pde, bc_type="strong")


def train(task: Task, solver) -> int:
    """Steps until the time is spent."""
    steps = 0
    while not task.over():
        solver.solve(
            epochs=EPOCHS, n_collocation=POINTS, n_bc_collocation=BOUNDARY, first_call=steps == 0,
            silent=True,
        )  # fmt: skip
        steps += EPOCHS
    return steps


def main() -> None:
    torch.set_default_dtype(torch.float64)
    task = read_task()
    torch.manual_seed(task.seed)
    solver = solver_of(task.problem)
    steps = train(task, solver)
    seconds = task.seconds
    x = LabelTensor(torch.as_tensor(task.points, dtype=torch.float64))
    mu = LabelTensor(torch.ones(len(task.points), 1))
    values = solver.space.evaluate(x, mu).w.detach().numpy()
    task.finish(
        values,
        seconds,
        parameters=sum(p.numel() for p in solver.space.parameters() if p.requires_grad),
        steps={"natural gradient": steps},
        loss=float(solver.best_loss),
    )


main()
