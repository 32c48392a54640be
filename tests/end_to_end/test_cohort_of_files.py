"""A folder of cells: copies in it change nothing, and cells on white stop the run."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from blastscreen.cohort.soundness import CohortError
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "cells"
    write_cells(folder, plan_sample(n_cells=30, n_subjects=6, seed=4), seed=4)
    return folder


def test_a_fold_copied_beside_itself_changes_no_split(project, folder, tmp_path, capsys):
    twice = tmp_path / "twice"
    shutil.copytree(folder, twice)
    shutil.copytree(twice / "fold_1", twice / "fold_1 (copy)")
    n_copies = len(list((twice / "fold_1").rglob("*.bmp")))

    project.run("preprocessing", env="cnmc", params={"images": str(folder)})
    once = project.catalog(env="cnmc").load("cell_splits")
    capsys.readouterr()
    project.run("preprocessing", env="cnmc", params={"images": str(twice)})

    assert f"{n_copies} set aside as duplicates" in " ".join(capsys.readouterr().out.replace("│", " ").split())
    catalog = project.catalog(env="cnmc")
    pd.testing.assert_frame_equal(catalog.load("cell_splits"), once)
    index = catalog.load("cell_index").set_index("image_id")
    assert len(index) == len(list(twice.rglob("*.bmp")))
    copies = index[index.index.str.startswith("fold_1 (copy)/")]
    read = copies[copies["status"] != "rejected"]
    assert set(read["status"]) == {"duplicate"}
    originals = read.index.str.replace("fold_1 (copy)/", "fold_1/", regex=False)
    assert read["detail"].tolist() == [f"the same picture as {name}" for name in originals]
    report = catalog.load("integrity_report")
    assert report["n_files"] == len(index)
    assert report["n_duplicate"] == len(read)

    project.run("preprocessing", env="paper", params={"images": str(twice)})
    assert len(project.catalog(env="paper").load("cell_splits")) == len(once) + len(read)


def test_cells_on_white_stop_the_run_with_the_counts(project, folder, tmp_path):
    white = tmp_path / "white"
    shutil.copytree(folder, white)
    for file in white.rglob("*.bmp"):
        cell = cv2.imread(str(file))
        cv2.imwrite(str(file), np.where(cell.any(axis=2, keepdims=True), cell, 255))
    counts = r"18 of 18 all, 12 of 12 hem \(.*unsegmented 30\)"
    with pytest.raises(CohortError, match=f"cells that no model may decide on: {counts}"):
        project.run("rf", env="cnmc", params={"images": str(white)})
