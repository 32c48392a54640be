"""The notebooks run as they are after `make run`, show pictures, and are kept in git without output."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from blastscreen.models import MODELS

BY_DEFAULT = [name for name, model in MODELS.items() if model.by_default]

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["01_look_at_cells", "02_compare_models"]


@every_notebook
def test_carries_no_output(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    assert cells
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


@every_notebook
def test_defines_no_functions(path):
    defined = [
        ast.unparse(found)
        for cell in code_cells(nbformat.read(path, as_version=4))
        for found in ast.walk(ast.parse(TransformerManager().transform_cell(cell.source)))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
    ]
    assert defined == []


def without_intervals(content):
    """What a run with too few subjects for any interval would store."""
    match content:
        case {"interval": _}:
            return content | {"interval": None}
        case {"intervals": intervals}:
            return content | {"intervals": dict.fromkeys(intervals)}
        case dict():
            return {name: without_intervals(part) for name, part in content.items()}
        case list():
            return [without_intervals(part) for part in content]
    return content


def logged(outputs):
    """Streams, and what Kedro's handler displays in their stead."""
    texts = [output.text if output.output_type == "stream" else output.data.get("text/plain", "") for output in outputs]
    return [text for text in texts if re.search(r"\b(DEBUG|INFO|WARNING|ERROR)\b", text)]


@pytest.mark.slow
@every_notebook
def test_runs_and_shows_pictures_and_no_log(path, default_run, jupyter):
    folder = default_run[0].folder / "notebooks"
    folder.mkdir(exist_ok=True)
    outputs = jupyter(nbformat.read(path, as_version=4), folder)
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert logged(outputs) == []
    assert [output for output in outputs if "image/png" in output.get("data", {})]


@pytest.fixture
def few_subjects(default_run, tmp_path):
    """The project after a run in which no metric has an interval."""
    project = default_run[0].copy_to(tmp_path)
    catalog = project.catalog()
    judged = [f"{model}_{result}" for model in BY_DEFAULT for result in ("metrics", "referral", "calibration")]
    for name in ("comparison", *judged):
        catalog.save(name, without_intervals(catalog.load(name)))
    return project


@pytest.mark.slow
def test_what_has_no_interval_is_shown_without(few_subjects, jupyter):
    figures = [
        f"reporting.{model}.draw_{figure}" for model in BY_DEFAULT for figure in ("roc", "calibration", "referral")
    ]
    documents = ["draw_comparison", "draw_published", "render_report", "write_model_card"]
    few_subjects.run("reporting", node_names=[*figures, *(f"reporting.{name}" for name in documents)])
    report = few_subjects.catalog().load("report")
    assert "no interval" in report
    # nor is there a p value then
    assert "nothing can be said" in report
    assert "comparison.rf.cnn.p_value" not in report
    # as `kedro jupyter` starts it, with Kedro's extension loaded before the first cell
    few_subjects.kedro("jupyter", "setup")
    outputs = jupyter(nbformat.read(NOTEBOOKS[1], as_version=4), few_subjects.folder, kernel="kedro_blastscreen")
    assert logged(outputs) == []
    tables = [output.data["text/html"] for output in outputs if "<table" in output.get("data", {}).get("text/html", "")]
    assert "NaN" in tables[0]
    assert "low" not in tables[1]


@pytest.mark.slow
def test_ipython_and_jupyter_of_the_environment_are_started_though_it_is_not_activated(project, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for name in ("ipython", "jupyter", "jupyter-lab"):
        (others / name).write_text("#!/bin/sh\nexit 3\n")
        (others / name).chmod(0o755)
    environment = {
        "PATH": f"{others}:/usr/bin:/bin",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
    }
    # `kedro jupyter` finds its programs in the same way
    code = "import shutil; print('forest?', 'rf_model' in catalog, shutil.which('jupyter-lab'))"
    expected = f"forest? True {Path(sys.executable).with_name('jupyter-lab')}"
    assert expected in project.kedro("ipython", "-c", code, **environment)
