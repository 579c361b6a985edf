"""The documentation site builds without a warning, and its gallery fits the files that it shows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_readme import cut_trainings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def gallery() -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(DOCS))
        import gallery_entries

        return gallery_entries


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CONTRIBUTING.md says, with every warning an error."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", out / "trees",
         "-b", "html", DOCS, out / "html"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_the_site_has_a_page_for_each_document_and_public_name(site: Path) -> None:
    import kanpde

    pages = {path.stem for path in site.glob("*.html")}
    assert {path.stem for path in DOCS.glob("*.md")} <= pages
    shown = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    missing = [name for name in kanpde.__all__ if name[0] != "_" and name not in shown]
    assert missing == []


def test_a_word_of_the_glossary_is_found_by_the_search(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("torus", "paraview", "deepxd", "gaug", "robin"):  # stems, as the search has them
        assert word in index


# What users of other programs asked for, by their words.
WISHES = (
    "disc", "l-shape", "plate with a hole", "gmsh", "stl", "inner points", "hard constraints",
    "normal derivative", "interfaces", "unknown number", "unknown source", "regularisation",
    "noisy", "outliers", "parametric", "ensemble", "uncertainty", "sweep", "comparing runs", "mlp",
    "own network", "callbacks", "early stopping", "weights of the conditions", "tensorboard",
    "w&b", "mlflow", "gpu", "several gpus", "float32", "torchscript", "torch.export", "onnx",
    "jupyter", "pandas", "xarray", "pickle", "integral terms", "complex", "sigmoid", "output grid",
    "paraview", "animation", "resume", "how long does a run take", "multi-fidelity",
    "material curve", "coefficients from a file",
)  # fmt: skip


@pytest.mark.parametrize("wish", WISHES)
def test_each_wish_of_users_is_found_in_the_questions(wish: str) -> None:
    """Answered there, or with a word on why not."""
    assert wish in (DOCS / "faq.md").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(
    "notebook", sorted((DOCS / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem
)
def test_notebook_runs(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Its code, with trainings cut short; and it holds the outputs of a full run."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert any(cell["outputs"] for cell in code)
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]
    monkeypatch.chdir(tmp_path)
    cut_trainings(monkeypatch)
    names: dict[str, Any] = {"__name__": notebook.stem}
    for cell in code:
        exec("".join(cell["source"]), names)


def test_each_stored_entry_fits_its_file(gallery: Any) -> None:
    found = gallery.entries()
    assert len(found) >= 30
    stale = [entry.slug for entry in found if not entry.fits()]
    assert stale == [], "run `python docs/build_gallery.py`, which stores them anew"


def test_nothing_is_stored_that_is_not_shown(gallery: Any) -> None:
    slugs = {entry.slug for entry in gallery.entries()}
    stored = {path.stem for path in gallery.STORE.iterdir() if path.suffix in (".png", ".json")}
    assert stored - slugs == set()
