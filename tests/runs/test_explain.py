"""What went wrong is told by what helps, and an interruption by the command that goes on."""

import resource
import shlex
from pathlib import Path

import pytest
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import node

from blastscreen.cli import run
from blastscreen.runs.explain import SMALLER, add_cause, describe_memory, explain, require_memory, resume_command
from blastscreen.runs.user_input import list_kinds
from blastscreen.vocabulary import Refusal

NOTHING = dict.fromkeys(
    ("env", "pipeline_names", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "tags", "namespaces")
)


@pytest.fixture(scope="module", autouse=True)
def bootstrapped(repository):
    bootstrap_project(repository)


@pytest.fixture
def full_disk():
    """The error of a real device that is always full, as Kedro wraps it."""
    try:
        with Path("/dev/full").open("w") as device:
            device.write("x")
    except OSError as error:
        fault = DatasetError("Failed while saving data to dataset X.")
        fault.__cause__ = error
        return fault


@pytest.fixture
def catalog(tmp_path):
    return open_catalog(tmp_path)


def open_catalog(tmp_path):
    entry = {"type": "blastscreen.datasets.AtomicText", "filepath": str(tmp_path / "page.txt"), "versioned": True}
    return DataCatalog.from_config({"page": entry})


def fail_in_step(error, catalog, *, saving=None):
    step = node(lambda cells, compute: cells, ["cells", "params:compute"], "page", name="rf.measure")
    add_cause(error, node=step, entry=saving, catalog=catalog)


def test_a_full_disk_is_named_with_the_entry_and_what_takes_the_room(full_disk, catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog.save("page", "x" * 3_000_000)
    fail_in_step(full_disk, catalog, saving="page")
    text = explain(full_disk)
    assert text.startswith("page could not be written: the disk at /")
    assert "page.txt (3 MB)" in text
    assert full_disk.__notes__ == [text]


def test_without_an_entry_a_full_disk_is_still_one(full_disk):
    assert "is full" in explain(full_disk)


def test_memory_that_ran_out_names_step_and_parameter():
    with pytest.raises(MemoryError) as caught:
        bytearray(2**62)
    fail_in_step(caught.value, DataCatalog())
    assert "Out of memory in rf.measure" in explain(caught.value)
    assert "lower compute.batch_size, compute.n_jobs (--params=compute.batch_size=...)" in explain(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("can't start new thread"),
        ImportError("libfoo.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_every_spelling_of_no_memory_is_known(error):
    assert explain(error) == describe_memory()


def test_a_refusal_is_found_below_what_wraps_it():
    wrapped = DatasetError("Failed while loading data from dataset X.\nno such subject")
    wrapped.__cause__ = Refusal("no such subject")
    wrapped.__cause__.add_note("in cells.csv")
    assert explain(wrapped) == "no such subject\nin cells.csv"


def test_what_can_be_lowered_are_parameters_that_there_are():
    assert {name for names in SMALLER.values() for name in names} <= list_kinds().keys()


def test_a_version_from_the_future_is_told_without_the_words_around_it(catalog, tmp_path):
    catalog.save("page", "x")
    (version,) = (tmp_path / "page.txt").iterdir()
    version.rename(version.with_name("2999-01-01T00.00.00.000Z"))
    again = open_catalog(tmp_path)
    for look in (again["page"].exists, lambda: again.load("page")):
        with pytest.raises(DatasetError) as caught:
            look()
        assert explain(caught.value).startswith("The newest version of page.txt is of 2999")


def test_a_dataset_says_itself_what_is_wrong_with_it():
    assert explain(DatasetError("cells.zarr is not a store of cells")) == "cells.zarr is not a store of cells"


@pytest.mark.parametrize(
    "error", [KeyError("label"), ZeroDivisionError(), DatasetError("Failed while loading data from x")]
)
def test_faults_of_ours_stay_faults(error):
    assert explain(error) is None


def test_without_a_limit_every_run_may_begin():
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        pytest.skip("this process has a limit")
    require_memory(with_network=True)


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
