"""`kedro run --pipelines=cnn`: trained, scored, stored, and resumed after a kill as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack

import pandas as pd
import pytest

from blastscreen.models.checkpoints import hash_weights
from blastscreen.schemas import HISTORY, PREDICTIONS
from blastscreen.vocabulary import EVALUATED_SPLITS, GENERATED_SAMPLE, Split

pytestmark = pytest.mark.slow

EPOCHS = 4
TINY = {"cnn": {"input_side": 32, "epochs": EPOCHS, "batch_size": 8, "test_time_views": 1, "n_threads": 2}}


def command(*options):
    return [sys.executable, "-m", "kedro", "run", "--from-nodes=cnn.train_network", "--pipelines=cnn", *options]


@pytest.fixture
def start():
    """Start `kedro run` in a project; what has not ended by the end of the test is killed."""
    with ExitStack() as stack:

        def start(project, *options):
            process = subprocess.Popen(
                command(*options),
                cwd=project.folder,
                env=os.environ | {"COLUMNS": "200", "BLASTSCREEN_VERBOSE": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def wait_for_epoch(process, number):
    seen = []
    for line in process.stdout:
        seen.append(line)
        if f"epoch {number} of" in line:
            return seen
    raise AssertionError("training ended early:\n" + "".join(seen))


@pytest.fixture(scope="module")
def finished(make_project):
    project = make_project()
    project.write_local("parameters", TINY)
    project.kedro("run", "--pipelines=cnn")
    return project


@pytest.fixture
def stored(finished, make_project):
    """Another project with the same stored cells, to be disturbed."""
    project = make_project()
    project.write_local("parameters", TINY)
    shutil.copytree(finished.folder / "data", project.folder / "data", ignore=shutil.ignore_patterns("cnn_*"))
    return project


def stored_weights(project):
    return hash_weights(project.catalog().load("cnn_model").get_weights())


def test_model_history_predictions_and_metrics_are_stored(finished):
    catalog = finished.catalog()
    splits = catalog.load("cell_splits").set_index("image_id")["split"]
    history, predictions, metrics = (catalog.load(f"cnn_{name}") for name in ("history", "predictions", "metrics"))
    HISTORY.validate(history)
    PREDICTIONS.validate(predictions)
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert set(predictions["image_id"]) == set(splits.index[splits != Split.TRAIN])
    assert {split: metrics[split]["n_cells"] for split in EVALUATED_SPLITS} == predictions[
        "split"
    ].value_counts().to_dict()
    assert set(catalog.load("cell_index")["data_source"]) == {GENERATED_SAMPLE}


def test_the_manifest_tells_threads_onednn_and_versions(finished):
    manifest = finished.catalog().load("run_manifest")
    assert manifest["tensorflow"]["threads"] >= 1
    assert isinstance(manifest["tensorflow"]["onednn"], bool)
    assert manifest["libraries"]["keras"].startswith("3.")
    assert manifest["parameters"]["cnn"]["seed"] == 42
    assert {"cnn_model", "cnn_history", "cnn_predictions", "cnn_metrics"} <= set(manifest["saved"])


def test_a_killed_training_resumes_to_the_weights_of_an_uninterrupted_one(finished, stored, start):
    killed = start(stored)
    wait_for_epoch(killed, 2)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not stored.catalog().exists("cnn_model")

    resumed = start(stored, "--params=cnn.resume=true")
    output = resumed.communicate()[0]
    assert resumed.returncode == 0, output
    assert "epoch 1 of" not in output
    assert f"epoch {EPOCHS} of {EPOCHS}" in output
    assert stored_weights(stored) == stored_weights(finished)
    pd.testing.assert_frame_equal(*(project.catalog().load("cnn_history") for project in (stored, finished)))


@pytest.mark.usefixtures("hear_ctrl_c")
def test_ctrl_c_says_what_to_type_and_exits_with_130(stored, start):
    process = start(stored, "--params=cnn.epochs=500,cnn.patience=500")
    wait_for_epoch(process, 2)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130, output
    params = "--params=cnn.epochs=500,cnn.patience=500,cnn.resume=true"
    # training says nothing after that
    assert output.endswith(f"\nkedro run --pipelines=cnn --from-nodes=cnn.train_network {params}\n")
    assert "Traceback" not in output
    assert not stored.catalog().exists("cnn_model")
    checkpoint = stored.catalog().load("cnn_checkpoint").read()
    assert checkpoint.epoch >= 2
