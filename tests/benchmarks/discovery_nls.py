"""The nonlinear Schroedinger equation as a KAN-ODE: i psi_t + psi_xx / 2 + |psi|^2 psi = 0.

psi(x, 0) = 2 sech(x), a breather of two solitons of period pi, on [-8, 8), periodic. The data come
from Fourier modes and ETDRK4 at 512 nodes, of which every fourth is seen. The network is trained on
t <= 1 and forecasts 1 < t <= 2 from the last sample of the training data.

python tests/benchmarks/discovery_nls.py
"""

import argparse
import time

import numpy as np

from kanpde import Chebyshev
from kanpde.dynamics.kanode.field_kanode import train_field_kanode
from kanpde.reference.etdrk4 import march

HALF, FINE, NODES, STEP = 8.0, 512, 128, 0.01
TRAINED, SAMPLES = 101, 201


def breather():
    """Real and imaginary part (T, 2, NODES), and t."""
    x = -HALF + 2 * HALF * np.arange(FINE) / FINE
    k = np.fft.fftfreq(FINE, 1 / FINE) * np.pi / HALF

    def cubic(s, v):
        psi = np.fft.ifft(v)
        return 1j * np.fft.fft(np.abs(psi) ** 2 * psi)

    t = STEP * np.arange(SAMPLES)
    start = np.fft.fft(2 / np.cosh(x))
    path = march(-0.5j * k**2, cubic, start, (0.0, t[-1]), (SAMPLES - 1) * 40, 40)
    psi = np.array([np.fft.ifft(v) for v in path])[:, :: FINE // NODES]
    return np.stack([psi.real, psi.imag], 1), t


def second_derivative():
    """By Fourier modes, (NODES, NODES)."""
    k = np.fft.fftfreq(NODES, 1 / NODES) * np.pi / HALF
    return np.fft.ifft(-(k[:, None] ** 2) * np.fft.fft(np.eye(NODES), axis=0), axis=0).real


def variants():
    """Name: what `train_field_kanode` gets."""
    bend, one = second_derivative(), np.eye(NODES)
    nothing = np.zeros_like(bend)
    dispersion = np.block([[nothing, -0.5 * bend], [0.5 * bend, nothing]])
    # Features are p, q, or p, p_xx, q, q_xx; products of three fields, by their numbers.
    cubic = [(0, 0, 1), (0, 1, 1)]
    wide = [(0, 0, 2), (0, 2, 2)]
    return {
        "dispersion known, products": {
            "operators": {"": one}, "known": dispersion, "products": cubic,
        },
        "dispersion known, hidden layer": {
            "operators": {"": one}, "known": dispersion, "products": False, "widths": (6,),
            "basis": Chebyshev(6),
        },
        "all learnt, products": {"operators": {"": one, "_xx": bend}, "products": wide},
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of a variant's name")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    data, t = breather()
    last = data[TRAINED - 1]
    keep = np.linalg.norm(data[TRAINED:] - last) / np.linalg.norm(data[TRAINED:])
    print(f"the last sample kept: forecast error {keep:.2f}")
    for name, given in variants().items():
        if options.only not in name:
            continue
        start = time.process_time()
        report = print if options.verbose else None
        model = train_field_kanode(
            data[:TRAINED], t[:TRAINED], names=("p", "q"), report=report, **given
        )
        seconds = time.process_time() - start
        ahead = model.simulate(last, t[TRAINED - 1 :])[1:]
        error = np.linalg.norm(ahead - data[TRAINED:]) / np.linalg.norm(data[TRAINED:])
        end = np.linalg.norm(ahead[-1] - data[-1]) / np.linalg.norm(data[-1])
        print(
            f"{name:32} {model.parameters:4} parameters  {seconds:6.0f} s  misfit "
            f"{model.misfit:.1e}  forecast error {error:.1e}, at its end {end:.1e}",
            flush=True,
        )
        if not given.get("widths"):
            for field, side in zip("pq", model.formulas(), strict=True):
                print(f"    {field}_t = {side.evalf(5)}")


if __name__ == "__main__":
    main()
