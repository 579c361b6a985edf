"""What derivatives cost: the residual u_t + u u_x - nu u_xx and its parameter gradient.

    python tests/benchmarks/derivatives.py [--points 4000] [--repeats 9] [--threads 2]

Prints the median time of each route on the same points in float64, in one run: the jets of a
KAN (blocks side by side, as training does it), nested autograd on the same KAN, nested autograd
on a tanh MLP; then the time of one Jacobian and one J^T J, which a step of Levenberg-Marquardt
needs.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from kanpde.assembly.terms import BLOCK
from kanpde.assembly.workers import workers
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.jet import JetSet
from kanpde.network.kan import KAN
from kanpde.network.pushforward import LayeredLinearization
from kanpde.optim.normal import NormalEquations

NU = 0.01 / torch.pi
# The first derivatives, then u_xx; the axes are (x, t).
JETS = JetSet.closing([(2, 0), (0, 1)], 2)
U, U_X, U_T, U_XX = (JETS.position[a] for a in ((0, 0), (1, 0), (0, 1), (2, 0)))


def burgers(u: Tensor, u_x: Tensor, u_t: Tensor, u_xx: Tensor) -> Tensor:
    return u_t + u * u_x - NU * u_xx


def kan() -> KAN:
    """Widths [2, 10, 10, 10, 1], 8 functions on each edge."""
    return KAN(2, [10, 10, 10], 1, Chebyshev(8), generator=torch.Generator().manual_seed(0))


def mlp(width: int = 20, depth: int = 8) -> nn.Module:
    """The tanh network of Raissi, Perdikaris & Karniadakis (2019), 8 layers of 20."""
    layers: list[nn.Module] = []
    for inputs in (2, *[width] * (depth - 1)):
        layers += [nn.Linear(inputs, width, dtype=torch.float64), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 1, dtype=torch.float64))


def by_jets(network: KAN, points: Tensor) -> list[Tensor]:
    """The gradient of the mean square residual, by jets and their pullback in blocks."""

    def block(at: slice) -> list[Tensor]:
        ((lin, residual, cotangent),) = linearized(network, points[at])
        return lin.pullback(cotangent * residual * (2 / len(points)))

    with workers() as pool:
        parts = pool.map(block, pool.slices(len(points), BLOCK))
    return [sum(each[1:], each[0]) for each in zip(*parts, strict=True)]


def by_autograd(network: nn.Module, points: Tensor) -> list[Tensor]:
    """The same by nested autograd, on all points at once, as is usual."""
    x, t = (column[:, None].requires_grad_(True) for column in points.unbind(1))
    u = network(torch.cat([x, t], 1))
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
    burgers(u, u_x, u_t, u_xx).square().mean().backward()
    return taken(network)


def taken(network: nn.Module) -> list[Tensor]:
    """The parameters' gradients, which are cleared."""
    out = []
    for parameter in network.parameters():
        assert parameter.grad is not None
        out.append(parameter.grad)
        parameter.grad = None
    return out


def linearized(network: KAN, points: Tensor) -> list[tuple[LayeredLinearization, Tensor, Tensor]]:
    """For each block: the linearization, the residual and its cotangent."""
    out = []
    for part in points.split(BLOCK):
        lin = network.linearize(part, JETS)
        jet = lin.value[:, 0]
        cotangent = torch.zeros_like(lin.value)
        cotangent[U, 0], cotangent[U_X, 0] = jet[U_X], jet[U]
        cotangent[U_T, 0], cotangent[U_XX, 0] = 1, -NU
        out.append((lin, burgers(jet[U], jet[U_X], jet[U_T], jet[U_XX]), cotangent))
    return out


def jacobian(network: KAN, points: Tensor) -> Tensor:
    """Each sample's gradient, (P, N)."""
    out = points.new_empty(network.parameter_count, len(points))
    columns = out.split(BLOCK, 1)
    for (lin, _, cotangent), block in zip(linearized(network, points), columns, strict=True):
        rows = torch.empty_like(block, memory_format=torch.contiguous_format)
        lin.jacobian(cotangent, rows)
        block.copy_(rows)
    return out


def normal(network: KAN, points: Tensor) -> NormalEquations:
    """J^T J and J^T r, from a Jacobian in blocks."""
    out = NormalEquations(network.parameter_count, points.device)
    for lin, residual, cotangent in linearized(network, points):
        block = points.new_empty(network.parameter_count, len(residual))
        lin.jacobian(cotangent, block)
        out.add(block, residual)
    return out


def medians(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Milliseconds; the actions take turns, so that a busy machine slows all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def agreement(network: KAN, points: Tensor) -> float:
    """The largest relative difference between the gradients of the two routes and J^T r."""
    jets, nested = (
        torch.cat([g.flatten() for g in f(network, points)]) for f in (by_jets, by_autograd)
    )
    dense = normal(network, points).gradient * 2 / len(points)
    return max(float((g - nested).norm() / nested.norm()) for g in (jets, dense))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--points", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = torch.Generator().manual_seed(1)
    points = 2 * torch.rand(options.points, 2, generator=rng, dtype=torch.float64) - 1
    network, dense = kan(), mlp()
    sizes = network.parameter_count, sum(p.numel() for p in dense.parameters())
    print(
        f"u_t + u u_x - nu u_xx at {options.points} points, float64, {options.threads} threads\n"
        f"KAN [2,10,10,10,1] in Chebyshev(8), {sizes[0]} parameters; "
        f"tanh MLP 8 x 20, {sizes[1]} parameters\n"
        f"gradients agree to {agreement(network, points):.1e}\n"
    )
    routes: dict[str, Callable[[], object]] = {
        "KAN, jets": lambda: by_jets(network, points),
        "KAN, nested autograd": lambda: by_autograd(network, points),
        "tanh MLP, nested autograd": lambda: by_autograd(dense, points),
        "KAN, Jacobian": lambda: jacobian(network, points),
        "KAN, J^T J and J^T r": lambda: normal(network, points),
    }
    times = medians(routes, options.repeats)
    print(f"{'residual and gradient':<28}{'median':>10}{'to jets':>10}")
    for name, value in times.items():
        print(f"{name:<28}{value:>7.1f} ms{value / times['KAN, jets']:>10.2f}")


if __name__ == "__main__":
    main()
