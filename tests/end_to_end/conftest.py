"""A copy of the project that tests may run and change."""

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from nbclient import NotebookClient

SMALL_SAMPLE = {
    "raw_cells": {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3},
}


QUICK = {"n_trees": 20, "permutation_repeats": 2, "n_seeds": 2, "balancing_seeds": 1}


class Project:
    """A project folder with the real conf, its own data, and unless told otherwise a small sample and small forests."""

    def __init__(self, folder: Path, repository: Path, *, small: bool = True) -> None:
        self.folder = folder
        shutil.copytree(repository / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
        shutil.copy(repository / "pyproject.toml", folder)
        shutil.copy(repository / ".telemetry", folder)
        (folder / "src").mkdir()
        (folder / "conf" / "local").mkdir()
        if small:
            self.write_local("catalog", SMALL_SAMPLE)
            for file in (folder / "conf" / "base" / "parameters").glob("*.yml"):
                blocks = yaml.safe_load(file.read_text())
                for block in filter(lambda block: isinstance(block, dict), blocks.values()):
                    block |= {name: value for name, value in QUICK.items() if name in block}
                file.write_text(yaml.safe_dump(blocks, sort_keys=False))

    def copy_to(self, folder: Path) -> "Project":
        """Copy the project with everything stored, to be disturbed."""
        project = copy.copy(self)
        project.folder = folder / "project"
        shutil.copytree(self.folder, project.folder, ignore=shutil.ignore_patterns("data"))
        shutil.copytree(self.folder / "data", project.folder / "data", copy_function=os.link)
        return project

    def write_local(self, kind: str, entries: dict[str, object]) -> None:
        """Override entries of the catalog, or parameters, as a user would: in conf/local."""
        (self.folder / "conf" / "local" / f"{kind}.yml").write_text(yaml.safe_dump(entries))

    def run(self, *pipelines: str, env: str | None = None, params: dict | None = None, **options) -> str:
        """Run pipelines as `kedro run` does, in this process; return the run's save version."""
        bootstrap_project(self.folder)
        with KedroSession.create(self.folder, env=env, runtime_params=params) as session:
            session.run(pipeline_names=list(pipelines) or None, **options)
            return session.session_id

    def kedro(self, *arguments: str, **environment: str) -> str:
        """Type a command of `kedro` in the project's folder; return what it prints."""
        command = [str(Path(sys.executable).with_name("kedro")), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def catalog(self, env: str | None = None, versions: dict[str, str] | None = None) -> DataCatalog:
        """Open the catalog as a notebook does."""
        bootstrap_project(self.folder)
        with KedroSession.create(self.folder, env=env) as session:
            return session.load_context()._get_catalog(load_versions=versions)


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Project:
    """An empty project folder with a small sample."""
    return Project(tmp_path, repository)


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Callable[[], Project]:
    """Make project folders that live as long as the module's tests."""
    return lambda: Project(tmp_path_factory.mktemp("project"), repository)


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> tuple[Project, str]:
    """What `make run` makes, with fewer seeds of the audit, and its version; tests may add versions, so ask for it."""
    project = Project(tmp_path_factory.mktemp("default"), repository, small=False)
    project.write_local("parameters", {"audit": {"n_seeds": 2, "balancing_seeds": 1}})
    project.kedro("run")
    (manifest,) = (project.folder / "data/08_reporting/sample/run_manifest.json").iterdir()
    return project, manifest.name


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[nbformat.NotebookNode]]:
    """Run a notebook in a folder, away from the user's own settings; return what its cells show."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))

    def execute(notebook: nbformat.NotebookNode, folder: Path, kernel: str = "python3") -> list[nbformat.NotebookNode]:
        NotebookClient(
            notebook, timeout=300, kernel_name=kernel, resources={"metadata": {"path": str(folder)}}
        ).execute()
        return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]

    return execute
