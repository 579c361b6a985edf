"""Operators: spectral convolutions, pointwise maps, normalisation, training and resume."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from kanpde import Box, Condition, KanpdeError, Problem, d
from kanpde.operator import (
    FNO,
    H1,
    L2,
    BranchTrunk,
    GridAxis,
    KANMaps,
    MLPMaps,
    Operator,
    Pairs,
    Physics,
    PointPairs,
    Training,
    evaluate,
    learn_operator,
    load_operator,
    rollout,
    save_operator,
    time_steps,
)
from kanpde.operator.losses import relative_l2
from kanpde.operator.model_files import load_state, save_state
from kanpde.operator.networks.maps import waves
from kanpde.operator.networks.spectral import FactorizedConv, SpectralConv, fourier_matrices
from kanpde.operator.physics import Residuals, derivative
from kanpde.operator.status import TrainingStatus
from kanpde.operator.symmetry import motions
from kanpde.operator.trainer import OperatorTrainer, one_cycle
from kanpde.operator.training import State

pytestmark = pytest.mark.usefixtures("one_thread")
Tensor = torch.Tensor
MAPS: list[KANMaps | MLPMaps] = [KANMaps(), KANMaps(3), MLPMaps()]
CONVS: list[Any] = [SpectralConv, FactorizedConv]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def conv(kind: Any, dimension: int, modes: int = 3, padding: float = 0.0) -> torch.nn.Module:
    return kind(2, 3, (modes,) * dimension, (padding,) * dimension, generator(), torch.float64)


def band_limited(dimension: int, modes: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Real fields (2, 4, *shape) of wavenumbers up to `modes`: the same functions on each grid."""
    draw = generator(seed)
    total = torch.zeros(2, 4, *shape, dtype=torch.float64)
    for _ in range(6):
        k = torch.randint(-modes, modes + 1, (dimension,), generator=draw)
        amplitude = torch.randn(2, 4, generator=draw, dtype=torch.float64)
        phase = 6 * torch.rand(2, 4, generator=draw, dtype=torch.float64)
        lines = torch.meshgrid(
            *(torch.arange(n, dtype=torch.float64) / n for n in shape), indexing="ij"
        )
        angle = 2 * math.pi * sum(int(w) * x for w, x in zip(k, lines, strict=True))
        wide = (..., *[None] * dimension)
        total += amplitude[wide] * torch.cos(angle + phase[wide])
    return total


# --- the spectral convolution ----------------------------------------------------------------


@pytest.mark.parametrize("kind", CONVS)
@pytest.mark.parametrize("shape", [(16,), (8, 9), (7, 8, 8)])
def test_convolution_commutes_with_shifts(kind: Any, shape: tuple[int, ...]) -> None:
    layer, axes = conv(kind, len(shape)), tuple(range(2, 2 + len(shape)))
    x = torch.randn(2, 4, *shape, generator=generator(1), dtype=torch.float64)
    shifts = tuple(range(1, 1 + len(shape)))
    torch.testing.assert_close(layer(x.roll(shifts, axes)), layer(x).roll(shifts, axes))


@pytest.mark.parametrize("kind", CONVS)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_convolution_is_the_same_on_a_finer_grid(kind: Any, dimension: int) -> None:
    layer, every = (
        conv(kind, dimension),
        (slice(None), slice(None), *[slice(None, None, 2)] * dimension),
    )
    coarse = layer(band_limited(dimension, 3, (8,) * dimension))
    fine = layer(band_limited(dimension, 3, (16,) * dimension))
    torch.testing.assert_close(fine[every], coarse)


@pytest.mark.parametrize("kind", CONVS)
def test_convolution_acts_on_a_wave_as_its_matrix_says(kind: Any) -> None:
    layer = conv(kind, 1)
    x = torch.arange(16, dtype=torch.float64) / 16
    weight = layer.weight if kind is SpectralConv else layer.weights[0]
    matrix = torch.view_as_complex(weight.detach())[2]
    wave = torch.zeros(2, 1, 16, dtype=torch.float64)
    wave[1, 0] = torch.cos(4 * math.pi * x)
    expected = (matrix[1][:, None] * torch.exp(4j * math.pi * x)).real
    torch.testing.assert_close(layer(wave)[:, 0], expected)


@pytest.mark.parametrize("kind", CONVS)
def test_modes_above_the_limit_are_lost(kind: Any) -> None:
    x = torch.arange(16, dtype=torch.float64) / 16
    wave = torch.cos(8 * math.pi * x).expand(2, 1, 16)
    assert float(conv(kind, 1)(wave).detach().abs().max()) < 1e-12


@pytest.mark.parametrize("kind", CONVS)
@pytest.mark.parametrize("padding", [0.0, 0.25])
def test_derivatives_of_the_convolution(kind: Any, padding: float) -> None:
    layer = kind(2, 1, (2, 1), (padding, 0.0), generator(), torch.float64)
    x = torch.randn(2, 2, 6, 4, generator=generator(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))


@given(points=st.integers(4, 20), padding=st.sampled_from([0.0, 0.25, 0.5, 1.0]), data=st.data())
def test_matrices_are_the_fft_of_the_padded_row(
    points: int, padding: float, data: st.DataObject
) -> None:
    size = points + round(padding * points)
    modes = data.draw(st.integers(1, (size - 1) // 2))
    there, back = fourier_matrices(points, modes, padding, torch.float64, torch.device("cpu"))
    x = torch.randn(points, generator=generator(points), dtype=torch.float64)
    kept = torch.fft.rfft(x, n=size, norm="forward")[: modes + 1]
    torch.testing.assert_close(there @ x, torch.cat([kept.real, kept.imag]))
    row = torch.fft.irfft(kept, n=size, norm="forward")[:points]
    torch.testing.assert_close(back @ torch.cat([kept.real, kept.imag]), row)


# --- maps and networks -----------------------------------------------------------------------


@pytest.mark.parametrize("harmonics", [1, 2, 3])
def test_kan_map_is_a_sum_of_edge_functions(harmonics: int) -> None:
    layer: Any = KANMaps(harmonics).build(2, 1, generator(), torch.float64)
    x = torch.randn(2, 5, generator=generator(3), dtype=torch.float64)
    # (functions, inputs): w, a_1, b_1, a_2, ..
    c = layer.coefficients.view(1 + 2 * harmonics, 2)
    total = c[0] @ x
    for k in range(1, harmonics + 1):
        total = total + c[2 * k - 1] @ torch.sin(k * x) + c[2 * k] @ torch.cos(k * x)
    torch.testing.assert_close(layer(x), total[None])


@pytest.mark.parametrize("harmonics", [1, 3])
def test_reverse_pass_of_the_waves(harmonics: int) -> None:
    x = torch.randn(2, 4, generator=generator(3), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: waves(x, harmonics), x)


def grid_pairs(
    samples: int = 12,
    shape: tuple[int, ...] = (16,),
    periodic: bool = True,
    outputs: Callable[[Any], Any] = lambda f: 2 * f,
    symmetry: str = "none",
    seed: int = 0,
) -> Pairs:
    """Band-limited inputs f and the outputs u of a function of them."""
    fields = band_limited(len(shape), 2, shape, seed)
    more = [band_limited(len(shape), 2, shape, seed + 1 + k) for k in range(samples // 8 + 1)]
    f = torch.cat([fields, *more], 1).flatten(0, 1)[:samples].float().numpy()
    axes = tuple(
        GridAxis(name, np.arange(n) / n, periodic) for name, n in zip("xyz", shape, strict=False)
    )
    return Pairs(axes, {"f": f}, {"u": outputs(f)}, symmetry)


@pytest.mark.parametrize("maps", MAPS, ids=str)
@pytest.mark.parametrize("factorized", [True, False])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_operator_on_a_periodic_box_commutes_with_shifts(
    maps: Any, factorized: bool, dimension: int
) -> None:
    shape = (10, 8, 7)[:dimension]
    plan = FNO(width=4, modes=2, depth=2, maps=maps, factorized=factorized)
    pairs = grid_pairs(shape=shape, symmetry="shifts")
    network = plan.build(pairs, generator(), torch.float64)
    x = torch.randn(1, 3, *shape, generator=generator(4), dtype=torch.float64)
    where = torch.zeros(dimension, *shape, dtype=torch.float64)
    moved = network(x.roll(3, 2), where)
    torch.testing.assert_close(moved, network(x, where).roll(3, 2))
    assert float(moved.detach().std()) > 1e-3


def test_kan_and_mlp_operators_have_like_sizes() -> None:
    counts = [
        sum(p.numel() for p in FNO(maps=maps).build(grid_pairs(), generator()).parameters())
        for maps in (KANMaps(), MLPMaps())
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.06)


def test_coordinates_are_inputs_where_an_axis_is_not_periodic() -> None:
    network = FNO(width=4, modes=2, depth=1).build(grid_pairs(periodic=False), generator())
    x, line = torch.randn(1, 1, 16, generator=generator()), torch.arange(16)[None] / 16
    assert not torch.allclose(network(x, line), network(x, line + 0.5))


def test_operator_learns_a_force_at_its_place() -> None:
    """u = f + sin 2 pi x commutes with no shift; without coordinates the error is 0.5."""
    force = np.sin(2 * np.pi * np.arange(16) / 16, dtype=np.float32)
    errors = {}
    for symmetry in ("none", "shifts"):
        pairs = grid_pairs(80, outputs=lambda f: f + force, symmetry=symmetry)
        operator = learn_operator(pairs, FNO(8, 3, 1), Training(epochs=15, rate=1e-2))
        errors[symmetry] = evaluate(operator, pairs)["u"]["rel_l2"]
    assert errors["none"] < 0.05
    assert errors["shifts"] > 0.2


# --- losses and symmetry ---------------------------------------------------------------------


def test_losses_of_known_fields() -> None:
    x = torch.arange(64, dtype=torch.float64) / 64
    u = torch.sin(2 * math.pi * x)[None, None]
    wrong = u + 0.1 * torch.sin(4 * math.pi * x)
    assert float(L2()(wrong, u, [True])) == pytest.approx(0.1)
    ratio = math.sqrt((1 + (4 * math.pi) ** 2) / (1 + (2 * math.pi) ** 2))
    assert float(H1()(wrong, u, [True])) == pytest.approx(0.1 * ratio, rel=1e-2)
    assert float(H1(weight=0)(wrong, u, [True])) == pytest.approx(0.1)
    assert relative_l2(3 * u, u).shape == (1, 1)


@pytest.mark.parametrize("symmetry", ["square", "square-open"])
def test_motions_are_the_group_of_the_square(symmetry: str) -> None:
    group = motions(symmetry)
    u = torch.arange(25.0).view(1, 1, 5, 5)
    images = {tuple(m(u).flatten().tolist()) for m in group}
    assert len(images) == 8
    for m in group:
        assert torch.equal(m.inverse(m(u)), u)
        assert torch.equal(m(m.inverse(u)), u)
        assert {tuple(m(g(u)).flatten().tolist()) for g in group} == images


def test_open_motion_keeps_the_point_on_the_boundary() -> None:
    x = torch.arange(8.0) / 8
    u = (torch.sin(math.pi * x)[:, None] * torch.sin(math.pi * x))[None, None]
    for m in motions("square-open"):
        torch.testing.assert_close(m(u), u)


def test_symmetrised_operator_commutes_with_the_symmetries() -> None:
    pairs = grid_pairs(12, (8, 8), periodic=False, symmetry="square")
    operator = learn_operator(pairs, FNO(width=4, modes=2, depth=1), Training(epochs=1))
    turned = replace(pairs, inputs={"f": pairs.inputs["f"][:, ::-1].swapaxes(1, 2).copy()})
    straight = operator(pairs).fields["u"][:, ::-1].swapaxes(1, 2)
    np.testing.assert_allclose(operator(turned).fields["u"], straight, atol=1e-5)
    plain = replace(operator, symmetrize=False)
    assert (
        np.abs(plain(turned).fields["u"] - plain(pairs).fields["u"][:, ::-1].swapaxes(1, 2)).max()
        > 1e-3
    )


# --- training --------------------------------------------------------------------------------


def smoothed(f: Any) -> Any:
    """u'' - 40 u = -40 f along the last axis, periodic."""
    k = 2 * np.pi * np.arange(f.shape[-1] // 2 + 1)
    return np.fft.irfft(np.fft.rfft(f) * 40 / (40 + k**2), f.shape[-1]).astype(np.float32)


@pytest.fixture(scope="module")
def learnt() -> tuple[Operator, Pairs]:
    pairs = grid_pairs(160, outputs=smoothed)
    plan, training = FNO(width=12, modes=4, depth=2), Training(epochs=25, rate=1e-2)
    return learn_operator(pairs, plan, training), pairs


@pytest.mark.parametrize("points", [16, 32, 64])
def test_operator_learns_at_one_resolution_and_answers_at_others(
    learnt: tuple[Operator, Pairs], points: int
) -> None:
    new = grid_pairs(40, (points,), outputs=smoothed, seed=100)
    assert evaluate(learnt[0], new)["u"]["rel_l2"] < 0.05


def test_operator_survives_the_disk(learnt: tuple[Operator, Pairs], tmp_path: Path) -> None:
    save_operator(learnt[0], tmp_path)
    again = load_operator(tmp_path)
    assert again.signature == learnt[0].signature
    assert again.plan == learnt[0].plan
    want, have = learnt[0](learnt[1]).fields["u"], again(learnt[1]).fields["u"]
    np.testing.assert_array_equal(have, want)


def test_scale_of_the_data_does_not_matter() -> None:
    errors = []
    for scale in (1.0, 1e-4):
        pairs = grid_pairs(40, outputs=lambda f, s=scale: s * smoothed(f))
        training = Training(epochs=3, rate=1e-2)
        errors.append(evaluate(learn_operator(pairs, FNO(8, 3, 1), training), pairs)["u"]["rel_l2"])
    assert errors[1] == pytest.approx(errors[0], rel=1e-2)


def test_ensemble_has_a_spread_and_its_mean_is_the_answer() -> None:
    pairs = grid_pairs(20)
    operator = learn_operator(pairs, FNO(6, 2, 1), Training(epochs=2), members=3)
    singles = [replace(operator, networks=(n,))(pairs).fields["u"] for n in operator.networks]
    prediction = operator(pairs)
    np.testing.assert_allclose(prediction.fields["u"], np.mean(singles, 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        prediction.spread["u"], np.std(singles, 0, ddof=1), rtol=1e-3, atol=1e-6
    )
    assert replace(operator, networks=operator.networks[:1])(pairs).spread == {}


def test_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    pairs, plan, training = grid_pairs(30), FNO(6, 2, 1), Training(epochs=4)
    whole = OperatorTrainer(pairs, plan, training, 0).run(lambda look: None, lambda state: None)

    class Stop(Exception):
        pass

    def stop(state: State) -> None:
        save_state(tmp_path / "state.safetensors", state)
        if state.epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        OperatorTrainer(pairs, plan, training, 0).run(lambda look: None, stop)
    half = load_state(tmp_path / "state.safetensors")
    assert half.epoch == 2
    rest = OperatorTrainer(pairs, plan, training, 0, state=half).run(
        lambda look: None, lambda state: None
    )
    assert [row[3] for row in rest.rows] == [row[3] for row in whole.rows]
    assert all(torch.equal(rest.best[k], whole.best[k]) for k in whole.best)


def test_training_stops_early_and_keeps_the_best() -> None:
    noise = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    pairs = replace(grid_pairs(40), outputs={"u": noise})
    training = Training(epochs=400, patience=3, validation=0.3, rate=1e-2)
    state = OperatorTrainer(pairs, FNO(16, 4, 2), training, 0).run(
        lambda look: None, lambda state: None
    )
    errors = [row[4] for row in state.rows]
    assert state.status == "stopped early"
    assert state.best_validation == min(errors) == errors[state.best_epoch - 1]
    assert state.epoch == state.best_epoch + 3


def test_diverged_training_keeps_the_best_weights() -> None:
    pairs = grid_pairs(40)
    trainer = OperatorTrainer(pairs, FNO(6, 2, 1), Training(epochs=5, batch=40), 0)
    first = trainer._epoch

    def broken() -> tuple[float, float]:
        if trainer.state.epoch == 2:
            with torch.no_grad():
                next(trainer.network.parameters()).fill_(math.nan)
        return first()

    trainer._epoch = broken  # type: ignore[method-assign]
    state = trainer.run(lambda look: None, lambda state: None)
    assert state.status == "diverged"
    assert all(v.isfinite().all() for v in state.best.values())


def test_rate_rises_and_falls_once() -> None:
    rates = [one_cycle(k / 100) for k in range(101)]
    top = int(np.argmax(rates))
    assert top == 10
    assert rates[top] == 1
    assert np.all(np.diff(rates[: top + 1]) > 0)
    assert np.all(np.diff(rates[top:]) < 0)
    assert rates[-1] == pytest.approx(0)


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    learn_operator(grid_pairs(12), FNO(4, 2, 1), Training(epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


# --- warnings and mistakes -------------------------------------------------------------------


def test_input_out_of_range_is_told_with_how_far(learnt: tuple[Operator, Pairs]) -> None:
    operator, pairs = learnt
    assert operator(pairs).warnings == ()
    span = float(np.ptp(pairs.inputs["f"]))
    far = {"f": pairs.inputs["f"].copy()}
    far["f"][3, 2] = pairs.inputs["f"].max() + 0.5 * span
    (text,) = operator(replace(pairs, inputs=far)).warnings
    assert "by 50 % of its width in 1 of 160 samples" in text


def test_another_box_is_told(learnt: tuple[Operator, Pairs]) -> None:
    operator, pairs = learnt
    longer = replace(pairs, axes=(GridAxis("x", np.arange(16) / 4, periodic=True),))
    (text,) = operator(longer).warnings
    assert "another box" in text


def mistaken(pairs: Pairs, **changes: Any) -> Pairs:
    return replace(pairs, **changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"axes": (GridAxis("x", np.arange(4) / 4, True),)}, "too coarse for 4 Fourier modes"),
        ({"axes": (GridAxis("z", np.arange(16) / 16, True),)}, "the axes are z"),
        ({"axes": (GridAxis("x", np.arange(16) / 16),)}, "not periodic"),
        ({"inputs": "g"}, "the inputs are g"),
    ],
)
def test_what_does_not_fit_the_operator(
    learnt: tuple[Operator, Pairs], change: dict[str, Any], words: str
) -> None:
    operator, pairs = learnt
    axes = change.get("axes", pairs.axes)
    name = change.get("inputs", "f")
    fields = {name: pairs.inputs["f"][:, : len(axes[0])]}
    with pytest.raises(KanpdeError, match=words):
        operator(Pairs(axes, fields, {}))


def test_grid_coarser_than_the_modes_is_told_before_training() -> None:
    with pytest.raises(KanpdeError, match="at least 17 points"):
        learn_operator(grid_pairs(12), FNO(4, 8, 1), Training(epochs=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: FNO(width=0),
        lambda: FNO(padding=2),
        lambda: MLPMaps(0),
        lambda: KANMaps(0),
        lambda: Training(epochs=0),
        lambda: Training(rate=-1),
        lambda: Training(validation=1),
        lambda: Training(budget=-5),
        lambda: H1(-1),
        lambda: BranchTrunk(terms=0),
    ],
)
def test_impossible_values_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(KanpdeError):
        make()


def test_model_of_another_version(learnt: tuple[Operator, Pairs], tmp_path: Path) -> None:
    save_operator(learnt[0], tmp_path)
    path = tmp_path / "model-0.safetensors"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"format\\": 2', b'\\"format\\": 9'))
    assert path.read_bytes() != content
    with pytest.raises(KanpdeError, match="format 9 of kanpde"):
        load_operator(tmp_path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(KanpdeError, match="damaged"):
        load_operator(tmp_path)
    with pytest.raises(KanpdeError, match="holds no operator"):
        load_operator(tmp_path.parent)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Training(rate=math.inf),
        lambda: Training(rate=math.nan),
        lambda: Training(budget=0.0),
        lambda: Training(budget=math.inf),
        lambda: Training(weight_decay=math.inf),
        lambda: Physics(screened(), weight=math.inf),
        lambda: Physics(screened(), data=math.nan),
    ],
)
def test_infinite_values_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(KanpdeError):
        make()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'\\"width\\": 12', b'\\"width\\": 1000000'),
        (b'\\"depth\\": 2', b'\\"depth\\": 10000000000'),
        (b'\\"modes\\": 4', b'\\"modes\\": 7'),
    ],
)
def test_model_is_not_built_before_its_weights_are_compared(
    learnt: tuple[Operator, Pairs], tmp_path: Path, old: bytes, new: bytes
) -> None:
    save_operator(learnt[0], tmp_path)
    path = tmp_path / "model-0.safetensors"
    size, rest = int.from_bytes(path.read_bytes()[:8], "little"), path.read_bytes()[8:]
    header = rest[:size].replace(old, new)
    assert header != rest[:size]
    path.write_bytes(len(header).to_bytes(8, "little") + header + rest[size:])
    with pytest.raises(KanpdeError, match="its weights have other shapes than its plan says"):
        load_operator(tmp_path)


def test_disk_that_is_full_is_an_error_of_the_system(
    learnt: tuple[Operator, Pairs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("kanpde.solution.tensors.save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        save_operator(learnt[0], tmp_path)


def test_status_of_several_networks() -> None:
    both = [TrainingStatus.FINISHED, TrainingStatus.STOPPED_EARLY]
    assert TrainingStatus.combine(both) is TrainingStatus.STOPPED_EARLY
    assert TrainingStatus.combine([*both, TrainingStatus.RUNNING]) is TrainingStatus.INTERRUPTED
    assert TrainingStatus.combine([TrainingStatus.DIVERGED, *both]) is TrainingStatus.DIVERGED
    assert TrainingStatus("stopped early") is TrainingStatus.STOPPED_EARLY
    assert json.dumps(TrainingStatus.DIVERGED) == '"diverged"'
    assert "operator resume" in TrainingStatus.INTERRUPTED.advice
    assert TrainingStatus.FINISHED.advice == ""


# --- branch and trunk -------------------------------------------------------------------------


def antiderivatives(samples: int, points: Any, seed: int) -> PointPairs:
    """From f at 20 sensors to its integral from 0, at any points."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((samples, 3)) / np.array([1.0, 2.0, 3.0])
    k = np.pi * np.arange(1, 4)
    sensors = np.linspace(0, 1, 20)
    f = a @ np.cos(k[:, None] * sensors)
    u = a @ (np.sin(k[:, None] * points[:, 0]) / k[:, None])
    return PointPairs(("x",), points, {"f": f}, {"u": u})


def test_branch_and_trunk_learn_the_antiderivative_on_scattered_points(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    train = antiderivatives(300, np.sort(rng.random((40, 1)), 0), 0)
    plan = BranchTrunk(terms=16, width=24, trunk=(12,))
    operator = learn_operator(train, plan, Training(epochs=25, batch=16, rate=1e-2))
    inside = train.points.min() + np.ptp(train.points) * rng.random((30, 1))
    assert evaluate(operator, antiderivatives(50, inside, 1))["u"]["rel_l2"] < 0.05
    save_operator(operator, tmp_path)
    again = load_operator(tmp_path)
    np.testing.assert_array_equal(again(train).fields["u"], operator(train).fields["u"])
    with pytest.raises(KanpdeError, match="on a grid, and the operator was trained on scattered"):
        operator(grid_pairs())
    fewer = PointPairs(("x",), inside, {"f": np.zeros((2, 19))}, {})
    with pytest.raises(KanpdeError, match="19 sensors, and the operator was trained with 20"):
        operator(fewer)


def test_fourier_operator_refuses_scattered_points() -> None:
    pairs = antiderivatives(12, np.linspace(0, 1, 9)[:, None], 0)
    with pytest.raises(KanpdeError, match="take a branch and trunk operator"):
        learn_operator(pairs, FNO(), Training(epochs=1))


@pytest.mark.parametrize("points", [16, 31])
def test_sensors_on_a_grid_are_interpolated(points: int) -> None:
    plan = BranchTrunk(terms=4, width=4, trunk=(4,), sensors=4)
    network = plan.build(grid_pairs(shape=(16, 16), periodic=False), generator(), torch.float64)
    line = torch.arange(points, dtype=torch.float64) / points
    where = torch.stack(torch.meshgrid(line, line, indexing="ij"))
    plane = (2 * where[0] + 3 * where[1])[None, None]
    want = network.places @ torch.tensor([2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(network.sample(plane, where)[0, 0], want)


# --- physics ------------------------------------------------------------------------------------


def test_derivatives_on_the_grid_converge() -> None:
    errors = []
    for n in (32, 64):
        x = torch.linspace(0, 1, n, dtype=torch.float64)
        axis = GridAxis("x", x.numpy())
        u = torch.exp(x)[None]
        errors.append([float((derivative(u, [k], [axis]) - u).abs().max()) for k in (1, 2)])
    rates = np.log2(np.array(errors[0]) / errors[1])
    np.testing.assert_array_less(1.8, rates)
    x = torch.arange(16, dtype=torch.float64) / 16
    wave = torch.sin(2 * math.pi * 3 * x)[None]
    exact = -((6 * math.pi) ** 2) * wave
    periodic = GridAxis("x", x.numpy(), periodic=True)
    torch.testing.assert_close(derivative(wave, [2], [periodic]), exact, atol=1e-9, rtol=0)


def screened() -> Problem:
    """u_xx - 40 (u - f) = 0."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    return Problem(box, "u f", [Condition("screened", box, lambda u, f: d(u, x, x) / 40 - u + f)])


def test_residual_of_the_answer_vanishes() -> None:
    pairs = grid_pairs(6, outputs=smoothed)
    fields = {"u": torch.from_numpy(pairs.outputs["u"]), "f": torch.from_numpy(pairs.inputs["f"])}
    (row,) = Residuals(screened())(fields, pairs.axes)
    assert float(row.abs().max()) < 1e-4
    (wrong,) = Residuals(screened())({**fields, "u": fields["f"]}, pairs.axes)
    assert float(wrong.abs().max()) > 0.1


def test_operator_is_learnt_from_the_equation_alone() -> None:
    pairs = grid_pairs(160, outputs=smoothed)
    blind = replace(pairs, outputs={"u": np.random.default_rng(0).permutation(pairs.outputs["u"])})
    physics = Physics(screened(), weight=1.0, data=0.0)
    training = Training(epochs=25, rate=1e-2, physics=physics)
    operator = learn_operator(blind, FNO(width=12, modes=4, depth=2), training)
    assert evaluate(operator, grid_pairs(20, outputs=smoothed, seed=50))["u"]["rel_l2"] < 0.1


def test_physics_that_does_not_fit_the_data() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    with_wall = Problem(
        box, "u f",
        [Condition("pde", box, lambda u, f: u - f), Condition("wall", box.face(x=1), lambda u: u)],
    )  # fmt: skip
    with pytest.raises(KanpdeError, match="no point there"):
        Physics(with_wall).check(grid_pairs())
    missing = Problem(box, "u g", [Condition("pde", box, lambda u, g: d(u, x) - g)])
    with pytest.raises(KanpdeError, match="field g is neither"):
        Physics(missing).check(grid_pairs())


# --- steps in time ------------------------------------------------------------------------------


def decaying(samples: int, times: int, seed: int = 0) -> Pairs:
    """u_t = -u, each mode by itself, at times 0.1 apart."""
    start = grid_pairs(samples, seed=seed).inputs["f"]
    t = 0.1 * np.arange(times)
    u = (start[:, None] * np.exp(-t)[:, None]).astype(np.float32)
    axes = GridAxis("t", t), GridAxis("x", np.arange(16) / 16, periodic=True)
    return Pairs(axes, {"u0": u[:, :1]}, {"u": u})


def test_rollout_follows_the_decay_and_measures_its_error() -> None:
    steps = time_steps(decaying(40, 6))
    assert len(steps) == 200
    operator = learn_operator(steps, FNO(8, 3, 1), Training(epochs=12, rate=1e-2))
    assert operator.signature.horizon == pytest.approx(0.5)
    longer = decaying(5, 11, seed=30)
    result = rollout(operator, longer, 12)
    assert result.stable
    assert result.states.shape == (5, 13, 16)
    np.testing.assert_allclose(result.times, 0.1 * np.arange(13))
    assert np.isnan(result.errors[11:]).all()
    assert result.errors[0] == 0
    assert 0 < result.errors[10] < 0.1
    with pytest.raises(KanpdeError, match="not a multiple"):
        rollout(
            operator, replace(longer, axes=(GridAxis("t", 0.07 * np.arange(11)), longer.axes[1])), 2
        )


def test_rollout_ends_where_it_grows_without_bound() -> None:
    steps = time_steps(decaying(20, 3))
    operator = learn_operator(steps, FNO(4, 2, 1), Training(epochs=1))
    signature = replace(operator.signature, output_mean=(30.0,))
    result = rollout(replace(operator, signature=signature), decaying(2, 3), 50)
    assert not result.stable
    assert len(result.times) < 10


def test_only_a_step_can_be_rolled_out(learnt: tuple[Operator, Pairs]) -> None:
    with pytest.raises(KanpdeError, match="--step"):
        rollout(learnt[0], decaying(2, 3), 2)
