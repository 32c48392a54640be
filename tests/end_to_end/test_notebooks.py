"""The notebooks run as they are after a run on the sample, show pictures, and are kept in git without output."""

import ast
import shutil
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat import NotebookNode

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


@pytest.mark.slow
@every_notebook
def test_runs_and_shows_pictures(path, sample_run, monkeypatch):
    project, _ = sample_run
    folder = project.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    # the user's own start-up files are no part of the project
    monkeypatch.setenv("IPYTHONDIR", str(project.folder / ".ipython"))
    notebook = nbformat.read(shutil.copy(path, folder), as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert [output for output in outputs if "image/png" in output.get("data", {})]
