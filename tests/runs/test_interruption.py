"""The command that resumes a training says what was typed, and nothing else."""

import shlex

import pytest
from kedro.framework.startup import bootstrap_project

from blastscreen.cli import run
from blastscreen.runs.interruption import resume_command

NOTHING = dict.fromkeys(
    ("env", "pipeline_names", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "tags", "namespaces")
)


@pytest.fixture(scope="module", autouse=True)
def bootstrapped(repository):
    bootstrap_project(repository)


def read(params):
    return run.make_context("run", [f"--params={params}"]).params["params"]


def test_a_plain_run():
    assert resume_command(NOTHING, model="cnn") == "kedro run --params=cnn.resume=true"


def test_everything_that_was_typed_is_repeated():
    typed = {
        "env": "paper",
        "pipeline_names": ["cnn", "rf"],
        "from_nodes": ("train_network",),
        "tags": [],
        "load_versions": {"cell_images": "2026-01-01T00.00.00.000Z", "cell_splits": "x"},
        "runtime_params": {
            "images": r"my cells, 1_2\${x}",
            "cnn": {"epochs": 3, "mixed_precision": False, "resume": False},
        },
    }
    words = shlex.split(resume_command(NOTHING | typed, model="cnn"))
    assert words[:2] == ["kedro", "run"]
    options = dict(word.removeprefix("--").split("=", 1) for word in words[2:])
    parameters = read(options.pop("params"))
    assert options == {
        "env": "paper",
        "pipelines": "cnn,rf",
        "from-nodes": "train_network",
        "load-versions": "cell_images:2026-01-01T00.00.00.000Z,cell_splits:x",
    }
    cnn = {"epochs": 3, "mixed_precision": False, "resume": True}
    assert parameters == {"images": r"my cells, 1_2\${x}", "cnn": cnn}


@pytest.mark.parametrize("value", [0.001, 1e-05, "flatten", True, [1, 2]])
def test_values_survive(value):
    command = resume_command(NOTHING | {"runtime_params": {"cnn": {"field": value}}}, model="cnn")
    params = shlex.split(command)[-1].removeprefix("--params=")
    assert read(params)["cnn"] == {"field": value, "resume": True}
