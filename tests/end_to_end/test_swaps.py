"""Entries of the catalog stand in for one another without a change of code."""

import pandas as pd
import pytest

from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import GENERATED_SAMPLE

pytestmark = pytest.mark.slow

PARTITIONED = {
    "type": "partitions.PartitionedDataset",
    "dataset": "pillow.ImageDataset",
    "filename_suffix": ".bmp",
}
FOLDER = {"type": "blastscreen.datasets.CellImageFolder"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "cells"
    write_cells(folder, plan_sample(n_cells=64, n_subjects=8, seed=3), seed=3)
    return folder


def measure(project, raw_cells):
    project.write_local("catalog", {"raw_cells": raw_cells})
    project.run("feature_engineering")
    catalog = project.catalog()
    index, features = catalog.load("cell_index"), catalog.load("cell_features")
    for table in (index, features):
        table["image_id"] = table["image_id"].str.removesuffix(".bmp")
    return index, features


def test_drawn_cells_a_folder_and_a_stock_partitioned_dataset_give_the_same_features(project, tree):
    sample = {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3}
    index, features = measure(project, sample)
    for raw_cells in (FOLDER, PARTITIONED):
        other_index, other_features = measure(project, raw_cells | {"path": str(tree)})
        columns = ["image_id", "status", "reasons", "cell_area", "pixel_hash", "subject_group", "label"]
        pd.testing.assert_frame_equal(other_index[columns], index[columns])
        pd.testing.assert_frame_equal(other_features, features)


def test_a_folder_of_drawn_cells_says_that_they_were_drawn(project, tree):
    project.write_local("catalog", {"raw_cells": FOLDER | {"path": str(tree)}})
    project.run("preprocessing")
    index = project.catalog().load("cell_index")
    assert set(index["data_source"]) == {GENERATED_SAMPLE}
    assert index["image_id"].str.startswith("fold_").all()


def test_images_may_stay_in_memory(project):
    project.run("feature_engineering")
    stored = project.catalog().load("cell_features")
    project.write_local(
        "catalog",
        {
            "raw_cells": {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3},
            "cell_images": {"type": "MemoryDataset", "copy_mode": "assign"},
            "cell_index": {"type": "MemoryDataset"},
        },
    )
    project.run("feature_engineering")
    in_memory = project.catalog().load("cell_features")
    pd.testing.assert_frame_equal(in_memory, stored)
