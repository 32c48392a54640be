"""The packaged project: a wheel and an archive of conf run where the clone isn't."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

# what an installer writes into bin/
CONSOLE_COMMAND = """
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="blastscreen")
script.load()()
"""
AND_WHAT_IT_LOADED = """
import atexit, sys
heavy = {"tensorflow", "keras", "torch", "matplotlib"}
atexit.register(lambda: print("drawing or network:", sorted(heavy.intersection(sys.modules))))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """Build what `kedro package` builds, and install the wheel in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("other place")
    # `kedro package` lets `build` fetch hatchling; the installed one does the same without a network
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(repository)]
    subprocess.run(build, check=True, capture_output=True)
    ignored = shutil.ignore_patterns("local", "__pycache__")
    conf = shutil.copytree(repository / "conf", tmp_path_factory.mktemp("small") / "conf", ignore=ignored)
    (conf / "local").mkdir()
    few = {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3}
    (conf / "local" / "catalog.yml").write_text(yaml.safe_dump({"raw_cells": few}))
    subprocess.run(["tar", "-czf", folder / "conf.tar.gz", f"--directory={conf.parent}", "conf"], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "installed here")
    return folder


def run(package: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(package / "installed here"), "COLUMNS": "200"}
    conf = f"--conf-source={package / 'conf.tar.gz'}"
    return subprocess.run([*command, conf], cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def test_the_console_command_runs_the_forest_from_an_empty_folder_without_network_or_drawing(
    package: Path, tmp_path: Path
):
    folder = tmp_path / "my results"
    folder.mkdir()
    done = run(package, folder, sys.executable, "-c", AND_WHAT_IT_LOADED + CONSOLE_COMMAND, "--pipelines=rf")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Log: ")
    assert "64 files came in" in done.stdout
    assert done.stdout.splitlines()[-1] == "drawing or network: []"
    stored = {path.name for path in (folder / "data").glob("*/sample/*")}
    assert {"cell_index.parquet", "rf_model.skops", "rf_metrics.json", "run_manifest.json"} <= stored
    assert {path.name for path in folder.iterdir()} == {"data"}


def test_what_the_code_reads_as_data_travels_with_it(package: Path, tmp_path: Path):
    done = run(package, tmp_path, sys.executable, "-m", "blastscreen", "--nodes=reporting.check_published")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob("data/08_reporting/sample/paper_check.json/*/paper_check.json"))


def test_a_machine_without_tensorflow_is_told_what_to_install(package: Path, tmp_path: Path):
    hidden = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n" + CONSOLE_COMMAND
    done = run(package, tmp_path, sys.executable, "-c", hidden, "--pipelines=cnn")
    assert done.returncode == 1
    assert "blastscreen[cnn]" in " ".join((done.stdout + done.stderr).split())
