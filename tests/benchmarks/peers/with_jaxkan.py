"""jaxKAN: Chebyshev KANs, with the settings of its tutorials on physics-informed KANs.

Poisson and Burgers: the network of tutorial 8 (two layers of 8, degree 5) on 4096 Sobol points,
Adam at 1e-3 that decays by 0.9 each 1000 steps, and after half of the time its L-BFGS (tutorial
11), in float64. Allen-Cahn: tutorial 10, a residual-gated network with periodic inputs,
residual-based attention, adaptive density, causal weights and annealed weights of the losses,
for all of the time, in its float32.
"""

# mypy: ignore-errors
# ruff: noqa: E402
import math
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import jax

from task import read_task  # isort: skip

TASK = read_task()
jax.config.update("jax_enable_x64", TASK.problem != "allen_cahn")

import jax.numpy as jnp
import optax
from flax import nnx
from jaxkan.models.KAN import KAN
from jaxkan.models.RGAKAN import RGAKAN
from jaxkan.models.utils import count_params, get_lbfgs
from jaxkan.pikan.adaptive import get_colloc_indices, get_rad_indices, lr_anneal
from jaxkan.pikan.sampling import get_collocs_grid, get_collocs_sobol

PI = math.pi
DECAY = optax.exponential_decay(1e-3, transition_steps=1000, decay_rate=0.9)
EVERY = 50  # steps between looks at the clock


def derivatives(u):
    """u, u_a, u_b, u_aa, u_bb of a function of two scalars, at points (N, 2)."""

    def at(z):
        a, b = z
        u_a, u_b = jax.grad(u, 0), jax.grad(u, 1)
        return (
            u(a, b), u_a(a, b), u_b(a, b), jax.grad(u_a, 0)(a, b), jax.grad(u_b, 1)(a, b)
        )  # fmt: skip

    return jax.vmap(at)


def poisson(model, z):
    def u(x, y):
        return (1 - x**2) * (1 - y**2) * model(jnp.array([[x, y]]))[0, 0]

    _, _, _, u_xx, u_yy = derivatives(u)(z)
    return u_xx + u_yy + 2 * PI**2 * jnp.sin(PI * z[:, 0]) * jnp.sin(PI * z[:, 1])


def burgers(model, z):  # (t, x), as in the tutorials
    def u(t, x):
        return -jnp.sin(PI * x) + t * (1 - x**2) * model(jnp.array([[t, x]]))[0, 0]

    u, u_t, u_x, _, u_xx = derivatives(u)(z)
    return u_t + u * u_x - 0.01 / PI * u_xx


def by_adam_then_lbfgs(residual, ranges):
    model = KAN(
        layer_dims=[2, 8, 8, 1],
        layer_type="chebyshev",
        required_parameters={
            "D": 5, "flavor": "exact", "residual": None, "external_weights": False,
            "init_scheme": {"type": "glorot_fine"}, "add_bias": True,
        },
        seed=TASK.seed,
    )  # fmt: skip
    # The layers make their coefficients in float32, whatever the precision of the rest.
    nnx.update(model, jax.tree.map(lambda a: a.astype(jnp.float64), nnx.state(model, nnx.Param)))
    z = get_collocs_sobol(ranges=ranges, total_points=4096, seed=TASK.seed).astype(jnp.float64)

    def loss_of(model):
        return jnp.mean(residual(model, z) ** 2)

    @nnx.jit
    def adam_step(model, optimizer):
        loss, grads = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, grads)
        return loss

    @nnx.jit
    def lbfgs_step(model, optimizer):
        loss, grads = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, grads, value=loss, value_fn=loss_of)
        return loss

    evaluate = nnx.jit(loss_of)
    steps = {}
    best, kept = math.inf, nnx.state(model, nnx.Param)
    for name, step, method, part in (
        ("Adam", adam_step, optax.adam(DECAY), 0.5),
        ("L-BFGS", lbfgs_step, get_lbfgs(memory_size=50), 1.0),
    ):
        optimizer = nnx.Optimizer(model, method, wrt=nnx.Param)
        steps[name] = 0
        while not TASK.over(part):
            for _ in range(EVERY if name == "Adam" else 5):
                step(model, optimizer)
                steps[name] += 1
            value = float(evaluate(model))
            if value < best:
                best, kept = value, jax.tree.map(jnp.copy, nnx.state(model, nnx.Param))
            if not math.isfinite(value):
                break
    nnx.update(model, kept)
    return model, steps, best


def allen_cahn():
    batch, chunks, tolerance = 2**12, 32, 1.0
    earlier = jnp.triu(jnp.ones((chunks, chunks)), k=1).T
    pool = get_collocs_grid(ranges=[(0, 1, 2**7), (-1, 1, 2**7)])
    begin = get_collocs_grid(ranges=[(0, 0, 1), (-1, 1, 2**6)])
    value_then = (begin[:, 1] ** 2 * jnp.cos(PI * begin[:, 1])).reshape(-1, 1)
    model = RGAKAN(
        n_in=2, n_out=1, n_hidden=8, num_blocks=2, flavor="exact", D=5,
        init_scheme={"type": "glorot_fine"}, alpha=0.0, beta=0.0, ref=None,
        period_axes={1: (PI, False)}, rff_std=None, sine_D=5, seed=TASK.seed,
    )  # fmt: skip
    optimizer = nnx.Optimizer(model, optax.adam(DECAY), wrt=nnx.Param)

    def residual(model, z):
        u, u_t, _, _, u_xx = derivatives(lambda t, x: model(jnp.array([[t, x]]))[0, 0])(z)
        return (u_t - 1e-4 * u_xx - 5 * (u - u**3)).reshape(-1, 1)

    def attention(weights, residuals):
        size = jnp.abs(residuals)
        return 0.999 * weights + 0.01 * size / jnp.max(size)

    def equation_loss(model, weights, z):
        residuals = residual(model, z)
        new = attention(weights, residuals)
        by_time = jnp.mean((new * residuals).reshape(chunks, -1) ** 2, axis=1)
        causal = jax.lax.stop_gradient(jnp.exp(-tolerance * (earlier @ by_time)))
        return jnp.mean(causal * by_time), new

    def initial_loss(model, weights):
        residuals = model(begin) - value_then
        new = attention(weights, residuals)
        return jnp.mean((new * residuals) ** 2), new

    @nnx.jit
    def step(model, optimizer, z, w_e, w_i, l_e, l_i):
        (loss_e, l_e), g_e = nnx.value_and_grad(equation_loss, has_aux=True)(model, l_e, z)
        (loss_i, l_i), g_i = nnx.value_and_grad(initial_loss, has_aux=True)(model, l_i)
        optimizer.update(model, jax.tree.map(lambda a, b: w_e * a + w_i * b, g_e, g_i))
        return w_e * loss_e + w_i * loss_i, g_e, g_i, l_e, l_i

    everywhere = nnx.jit(residual)
    l_pool, l_i = jnp.ones((len(pool), 1)), jnp.ones((len(begin), 1))
    chosen = get_colloc_indices(collocs_pool=pool, batch_size=batch, px=None, seed=TASK.seed)
    z, l_e = pool[chosen], l_pool[chosen]
    w_e = w_i = jnp.array(1.0)
    count = 0
    while True:
        loss, g_e, g_i, l_e, l_i = step(model, optimizer, z, w_e, w_i, l_e, l_i)
        if count and count % 1000 == 0:
            w_e, w_i = lr_anneal((g_e, g_i), (w_e, w_i), 0.9)
        if count and count % 2000 == 0:
            chosen, l_pool, _ = get_rad_indices(
                pool, everywhere(model, pool), chosen, l_e, l_pool, batch, 1.0, 1.0, TASK.seed
            )
            z, l_e = pool[chosen], l_pool[chosen]
        count += 1
        if count % EVERY == 0:
            loss.block_until_ready()
            if TASK.over():
                break
    return model, {"Adam": count}, float(loss)


def main() -> None:
    points = jnp.asarray(TASK.points)
    if TASK.problem == "poisson":
        model, steps, loss = by_adam_then_lbfgs(poisson, [(-1, 1), (-1, 1)])
        mask, lift = (1 - points[:, 0] ** 2) * (1 - points[:, 1] ** 2), 0.0
    elif TASK.problem == "burgers":
        model, steps, loss = by_adam_then_lbfgs(burgers, [(0, 1), (-1, 1)])
        mask, lift = points[:, 1] * (1 - points[:, 0] ** 2), -jnp.sin(PI * points[:, 0])
    else:
        model, steps, loss = allen_cahn()
        mask, lift = 1.0, 0.0
    seconds = TASK.seconds
    inputs = points if TASK.problem == "poisson" else points[:, ::-1]  # (t, x)
    values = lift + mask * model(inputs)[:, 0]
    TASK.finish(
        values,
        seconds,
        parameters=int(count_params(model)),
        steps=steps,
        loss=loss if math.isfinite(loss) else None,
    )


main()
