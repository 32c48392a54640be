"""A run killed at any point goes on where it was, and ends with the bits of an undisturbed one."""

import os
import re
import subprocess
import sys
import time

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SAMPLE = {"raw_cells": {"type": "blastscreen.datasets.SampleCells", "n_cells": 96, "n_subjects": 8, "seed": 3}}
SMALL_BATCHES = {"compute": {"batch_size": 2, "n_jobs": 1}}
PATIENCE = 300

# where finished work lies while a run is under way, and how much there is in all
STAGES = {
    "index": ("02_intermediate/sample/cell_index_parts/*.part", 48),
    "images": ("03_primary/sample/cell_images.zarr/.unfinished/*/*.0.0.0", 6),
    "features": ("04_feature/sample/cell_features_parts/*.part", 48),
}


@pytest.fixture
def make_interruptible(make_project):
    def make():
        project = make_project()
        project.write_local("catalog", SAMPLE)
        project.write_local("parameters", SMALL_BATCHES)
        return project

    return make


def start(project):
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", "run", "--pipelines=feature_engineering"],
        cwd=project.folder,
        env=os.environ | {"COLUMNS": "200", "BLASTSCREEN_VERBOSE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_in(project, stage):
    """Run until some but not all of a stage is finished, kill, and give the files that were."""
    pattern, total = STAGES[stage]
    process = start(project)
    deadline = time.monotonic() + PATIENCE
    while not (files := set((project.folder / "data").glob(pattern))):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"{stage} was never under way:\n{process.communicate()[0]}")
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert len(files) < total
    return {file.stat().st_ino for file in files}


def test_killed_in_every_stage_the_result_is_that_of_an_undisturbed_run(make_interruptible):
    undisturbed, disturbed = make_interruptible(), make_interruptible()
    undisturbed.run("feature_engineering")
    kill_in(disturbed, "index")
    chunks = kill_in(disturbed, "images")
    kill_in(disturbed, "features")
    process = start(disturbed)
    output = process.communicate()[0]
    assert process.returncode == 0, output

    for name in ("cell_index", "cell_features"):
        tables = [project.catalog().load(name) for project in (undisturbed, disturbed)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    ours, theirs = (project.catalog().load("cell_images") for project in (undisturbed, disturbed))
    assert (ours.read(0, len(ours)) == theirs.read(0, len(theirs))).all()

    # nothing that had been finished was done again
    assert re.search(r"Reading images: 48 of 48 batches were done before", output)
    assert re.search(r"6 of 6 files of cells were written before", output)
    assert int(re.search(r"Measuring features \(cell\): (\d+) of \d+ batches were done before", output)[1]) >= 1
    data = disturbed.folder / "data"
    assert chunks <= {file.stat().st_ino for file in data.glob("03_primary/sample/cell_images.zarr/*/*/*.0.0.0")}
    assert not any(files for pattern, _ in STAGES.values() for files in data.glob(pattern))
