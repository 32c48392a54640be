"""A copy of the project that tests may run and change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog

SMALL_SAMPLE = {
    "raw_cells": {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3},
}


class Project:
    """A project folder with the real conf, its own data, and a small sample unless told otherwise."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        shutil.copytree(repository / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
        shutil.copy(repository / "pyproject.toml", folder)
        shutil.copy(repository / ".telemetry", folder)
        (folder / "src").mkdir()
        self.write_local("catalog", SMALL_SAMPLE)

    def write_local(self, kind: str, entries: dict[str, object]) -> None:
        """Override entries of the catalog, or parameters, as a user would: in conf/local."""
        local = self.folder / "conf" / "local"
        local.mkdir(exist_ok=True)
        (local / f"{kind}.yml").write_text(yaml.safe_dump(entries))

    def run(self, *pipelines: str, env: str | None = None, params: dict | None = None, **options) -> str:
        """Run pipelines as `kedro run` does, in this process; return the run's save version."""
        bootstrap_project(self.folder)
        with KedroSession.create(self.folder, env=env, runtime_params=params) as session:
            session.run(pipeline_names=list(pipelines) or None, **options)
            return session.session_id

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
def sample_run(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> tuple[Project, str]:
    """One run of everything on the small sample, and its version; tests may add versions, so ask for this one."""
    project = Project(tmp_path_factory.mktemp("sample"), repository)
    return project, project.run(params={"audit": {"n_seeds": 2, "balancing_seeds": 1}})
