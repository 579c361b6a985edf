"""`kanpde discover` and `kanpde check` from the command line: files as they come, one sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

from kanpde.cli.app import main
from kanpde.dynamics.report import describe_fit, fit_to_data
from kanpde.network.kan import KAN
from kanpde.symbolic.fitted import Fitted, Verdict
from kanpde.symbolic.found import Found

pytestmark = pytest.mark.usefixtures("one_thread")
Array = NDArray[np.float64]
Command = Callable[..., tuple[int, str, str]]

X = 2 * np.pi * np.arange(64) / 64
T = np.linspace(0, 2, 60)
# u_t = -u_x + 0.1 u_xx, mode by mode.
U = sum(np.exp(-0.1 * k**2 * T[:, None]) * np.cos(k * (X - T[:, None]) + k) / k for k in (1, 2, 3))


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `kanpde ...` in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run


def written(**columns: object) -> None:
    with h5py.File("field.h5", "w") as file:
        for name, values in columns.items():
            file[name] = values


def table(*columns: Array, names: str) -> None:
    np.savetxt("data.csv", np.column_stack(columns), delimiter=",", header=names, comments="")


def test_a_field_gives_its_equation_and_writes_nothing(command: Command, tmp_path: Path) -> None:
    written(u=U, x=X, t=T)
    code, output, errors = command("discover", "field.h5")
    assert (code, errors) == (0, "")
    assert "u_xx" in output
    assert "± is half a 95 % interval" in output
    assert [p.name for p in tmp_path.iterdir()] == ["field.h5"]


def test_the_report_of_a_field_can_be_read_back(command: Command) -> None:
    written(u=U, x=X, t=T)
    code, output, _ = command("discover", "field.h5", "--out", "report")
    assert code == 0
    folder = Path("report")
    assert {p.name for p in folder.iterdir()} == {
        "equations.json", "equations.txt", "equations.tex", "discovery.json", "problem.py",
        "fit.png", "coefficients.png", "forecast.png",
    }  # fmt: skip
    x, t = sympy.symbols("x t", real=True)
    text = json.loads((folder / "equations.json").read_text(encoding="utf-8"))["u_t"]
    side = sympy.sympify(text, locals={"x": x, "t": t, "u": sympy.Function("u")})
    u = sympy.Function("u")(x, t)
    assert float(side.coeff(sympy.diff(u, x, 2))) == pytest.approx(0.1, rel=1e-4)
    told = json.loads((folder / "discovery.json").read_text(encoding="utf-8"))
    values = {(c["power"], c["derivative"]): c["value"] for c in told["coefficients"]}
    assert values == pytest.approx({(1, 1): -1.0, (1, 2): 0.1}, rel=1e-4)
    assert (folder / "equations.txt").read_text(encoding="utf-8").strip() in output


GAP = np.where((np.arange(60)[:, None] == 3) & (np.arange(64) == 4), np.nan, U)
FIELDS = {
    "no x": ({"u": U, "t": T}, "no dataset `x`"),
    "no t": ({"u": U, "x": X}, "no dataset `t`"),
    "uneven x": ({"u": U, "x": X**1.1, "t": T}, "x must increase in even steps"),
    "t backwards": ({"u": U, "x": X, "t": T[::-1].copy()}, "t must increase in even steps"),
    "infinite": (
        {"u": np.where(np.isnan(GAP), np.inf, U), "x": X, "t": T},
        "1 of 3840 values of u are gaps or infinite, the first",
    ),
    "few times": ({"u": U[:10], "x": X, "t": T[:10]}, "at least 25 x 25"),
    "other axes": ({"u": U[:-1], "x": X, "t": T}, "u has the shape (59, 64); with these axes"),
    "axes as grids": ({"u": U, "x": np.tile(X, (60, 1)), "t": T}, "x has the shape (60, 64)"),
    "three axes": ({"u": U[None], "x": X, "t": T}, "u has the shape (1, 60, 64)"),
    "complex": ({"u": U + 1j, "x": X, "t": T}, "other than real numbers"),
    "constant": ({"u": 0 * U, "x": X, "t": T}, "constant"),
}


@pytest.mark.parametrize(("columns", "message"), FIELDS.values(), ids=FIELDS)
def test_a_bad_field_gets_one_sentence(
    command: Command, columns: dict[str, object], message: str, tmp_path: Path
) -> None:
    written(**columns)
    code, output, errors = command("discover", "field.h5", "--out", "report")
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["field.h5"]


def test_check_says_what_a_field_is(command: Command) -> None:
    written(u=GAP, x=X, t=T)
    code, output, _ = command("check", "field.h5")
    assert code == 0
    assert "a field u(x, t): 60 times, 64 positions, -0.8" in output
    assert "1 of 3840 values are gaps" in output


def test_a_table_called_u_may_hold_trajectories(command: Command) -> None:
    t = np.linspace(0, 6, 60)
    written(t=t, u=np.stack([np.cos(t), -np.sin(t)], 1))
    code, output, _ = command("check", "field.h5")
    assert code == 0
    assert "1 trajectory, 60 samples" in output


def test_a_circle_is_linear_whatever_the_units(command: Command) -> None:
    t = np.linspace(0, 6, 400)
    table(1e-9 * t, 1e9 * np.cos(t), -1e-9 * np.sin(t), names="t,x,y")
    code, output, errors = command("discover", "data.csv")
    assert code == 0
    assert "Warning" not in errors
    sides = [line.split(" = ")[1] for line in output.splitlines() if "±" in line and "'" in line]
    assert [side.split(") ")[1] for side in sides] == ["y", "x"]


def test_five_samples_get_a_small_equation(command: Command) -> None:
    t = np.linspace(0, 0.4, 5)
    table(t, np.cos(t), -np.sin(t), names="t,x,y")
    code, output, _ = command("discover", "data.csv")
    assert code == 0
    assert output.count("±") <= 4
    assert "no samples were held out" in output


def test_a_motion_through_a_pole_is_told(command: Command) -> None:
    t = np.linspace(0, 1.2, 61)
    table(t, 1 / (1 - t + 1e-12), names="t,x")
    code, output, errors = command("discover", "data.csv")
    assert code == 0
    assert "do not trust it" in output
    assert "Warning" not in errors


@pytest.mark.parametrize(
    ("cell", "message"),
    [("oak", "line 2: 'oak'"), ("inf", "the trajectory diverges"), ("nan", "`y` holds no number")],
)
def test_a_bad_table_gets_one_sentence(command: Command, cell: str, message: str) -> None:
    # A trajectory is finite before it diverges.
    lines = [f"{k},{np.cos(k)},{k if cell == 'inf' and k < 10 else cell}" for k in range(20)]
    Path("data.csv").write_text("\n".join(["t,x,y", *lines]), encoding="utf-8")
    code, output, errors = command("discover", "data.csv")
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.startswith("kanpde: ")
    assert errors.count("\n") == 1


def test_noise_alone_gives_no_equation(command: Command) -> None:
    rough = np.random.default_rng(1).standard_normal((61, 2))
    table(np.linspace(0, 6, 61), rough, names="t,x,y")
    code, _, errors = command("discover", "data.csv", "--out", "report")
    assert code == 2
    assert "nothing found" in errors
    assert not Path("report").exists()


def test_an_order_is_for_fields(command: Command) -> None:
    t = np.linspace(0, 6, 60)
    table(t, np.cos(t), -np.sin(t), names="t,x,y")
    code, output, errors = command("discover", "data.csv", "--order", "2")
    assert (code, output) == (2, "")
    assert "data.csv holds trajectories" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "term", ["1/0", "log(-1)", "x**999999999", "exp(exp(exp(exp(5 + x))))", "log(x)", "sqrt(y)"]
)
def test_a_term_without_finite_values_is_refused(command: Command, term: str) -> None:
    t = np.linspace(0, 6, 60)
    table(t, 2 * np.cos(t), -2 * np.sin(t), names="t,x,y")
    code, output, errors = command("discover", "data.csv", "--term", "x*y", "--term", term)
    assert (code, output) == (2, "")
    assert errors.startswith(f"kanpde: the term {term} is not a finite real number at every")
    assert errors.count("\n") == 1


def test_a_fit_says_what_its_formula_is(command: Command) -> None:
    x = np.linspace(1, 3, 80)
    table(x, 2 * x, names="x,y")
    code, output, _ = command("fit", "data.csv", "--target", "y", "--out", "fitted")
    assert code == 0
    assert "the formula fits to rounding errors\n" in output
    kept = json.loads(Path("fitted/formula.json").read_text())
    assert kept["verdict"] == "EXACT"
    assert kept["formula"] == kept["nearest"]["formula"]
    assert kept["nearest"]["error"] < kept["tolerance"]
    assert kept["noise"] < 1e-6


@pytest.mark.parametrize("verdict", Verdict)
def test_a_fit_in_words_and_as_data(verdict: Verdict) -> None:
    x = sympy.Symbol("x", real=True)
    ranked = (Found(2 * x, 0.1, 0.01), Found(x + 1, 0.11, None), Found(x**2, 0.3, 0.5))
    formulas = () if verdict is Verdict.NONE else ranked
    network = KAN(1, (), 1)
    found = Fitted(("x",), "y", network, 0.5, 0.4, 4.0, formulas, 0.12, verdict)
    lines = describe_fit(found).removeprefix(found.text() + "\n").splitlines()
    assert lines[0] == verdict.value
    data = json.loads(json.dumps(fit_to_data(found)))
    assert (data["verdict"], data["tolerance"], data["training"]) == (verdict.name, 0.12, 0.4)
    assert data["noise"] == pytest.approx(found.noise)
    if verdict is Verdict.NONE:
        assert data["nearest"] is None
    else:
        assert data["nearest"] == {"formula": "2*x", "error": 0.1, "structure": 0.01}
    assert (data["formula"] is None) == (found.formula is None)
    if verdict is Verdict.WITHIN_NOISE:
        assert lines[1].startswith("other formulas may fit as well")
        assert [line.split("   ")[0] for line in lines[2:]] == ["  y = x + 1.0"]
    else:
        assert len(lines) == 1


def test_a_target_cannot_explain_itself(command: Command) -> None:
    t = np.linspace(0, 6, 60)
    table(t, np.cos(t), names="t,x")
    code, output, errors = command("fit", "data.csv", "--target", "x", "--variables", "t, x")
    assert (code, output) == (2, "")
    assert "x is the target, which cannot explain itself" in errors


def test_a_fit_tells_classes_from_numbers(command: Command) -> None:
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 100))
    inside = x**2 + y**2 < 0.5

    def write(kinds: np.ndarray) -> None:
        rows = zip(x, y, kinds, strict=True)
        Path("rings.csv").write_text("\n".join(["x,y,kind", *(f"{a},{b},{k}" for a, b, k in rows)]))

    write(np.where(inside, "inner", "outer"))
    code, output, _ = command("fit", "rings.csv", "--target", "kind", "--out", "fitted")
    assert code == 0
    assert "2 classes, inner, outer" in output
    data = json.loads(Path("fitted/formula.json").read_text())
    assert data["classes"] == ["inner", "outer"]
    assert Path("fitted/network.png").exists()
    code, _, errors = command("fit", "rings.csv", "--target", "kind", "--numbers")
    assert code != 0
    assert "holds words" in errors
    write(inside.astype(int))
    code, output, _ = command("fit", "rings.csv", "--target", "kind")
    assert "--numbers fits them as numbers" in output
    code, _, errors = command(
        "fit", "rings.csv", "--target", "x", "--variables", "y", "--units", "m"
    )
    assert code != 0
    assert "1 units for 2 columns" in errors
    code, _, errors = command("fit", "rings.csv", "--target", "kind", "--units", "m,m,m")
    assert code != 0
    assert "kind holds classes, which have no units" in errors


def test_columns_that_are_not_named_may_hold_words(command: Command) -> None:
    x = np.linspace(1, 2, 30)
    rows = [f"sample {k},{a},{a**2}" for k, a in enumerate(x)]
    Path("named.csv").write_text("\n".join(["name,x,y", *rows, "gap,,4"]))
    code, output, errors = command("fit", "named.csv", "--target", "y", "--variables", "x")
    assert code == 0
    assert "y = x**2" in output
    assert "1 of 31 rows have gaps and are left out" in output + errors
    code, _, errors = command("fit", "named.csv", "--target", "y")
    assert code != 0
    assert "'sample 0' in column `name` is not a number" in errors
