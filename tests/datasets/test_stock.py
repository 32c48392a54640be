import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import generate_timestamp

from blastscreen.datasets import AtomicParquet, RunManifests

SUBJECTS = pd.DataFrame(
    {
        "subject_id": ["1"],
        "subject_group": ["1"],
        "label": ["all"],
        "split": ["test"],
        "n_cells": [3],
        "n_right": [3],
        "rate": [1.0],
        "mean_probability": [0.9],
        "majority_call": ["all"],
        "data_source": ["a folder"],
    }
)


@pytest.mark.parametrize("validator", [None, "blastscreen.schemas.SUBJECTS"])
def test_a_loaded_table_tells_its_version_even_through_a_validator(tmp_path, validator):
    version = generate_timestamp()
    entry = {
        "type": "blastscreen.datasets.AtomicParquet",
        "filepath": (tmp_path / "subjects.parquet").as_posix(),
        "versioned": True,
    }
    catalog = DataCatalog.from_config(
        {"subjects": entry | ({"validator": validator} if validator else {})}, save_version=version
    )
    catalog.save("subjects", SUBJECTS)
    loaded = catalog.load("subjects")
    assert loaded.attrs == {"version": version}
    pd.testing.assert_frame_equal(loaded, SUBJECTS)


def test_a_table_without_version_does_not_tell_that_of_what_it_was_made_from(tmp_path):
    dataset = AtomicParquet(filepath=(tmp_path / "subjects.parquet").as_posix())
    table = SUBJECTS.copy()
    table.attrs["version"] = "of another table"
    dataset.save(table)
    assert dataset.load().attrs == {}


OLD, NOW = "2025-01-01T00.00.00.000Z", "2026-01-02T03.04.05.678Z"


def catalog(folder, version):
    path = str(folder / "run_manifest.json")
    config = {
        "run_manifest": {"type": "blastscreen.datasets.AtomicJSON", "filepath": path, "versioned": True},
        "run_manifests": {"type": "blastscreen.datasets.RunManifests", "filepath": path, "versioned": True},
    }
    return DataCatalog.from_config(config, save_version=version)


def test_manifests_are_found_by_the_version_of_their_run(tmp_path):
    catalog(tmp_path, OLD).save("run_manifest", {"parameters": {"rf": {"seed": 1}}})
    manifests = catalog(tmp_path, NOW).load("run_manifests")
    assert list(manifests) == [OLD]
    assert manifests[OLD]["parameters"] == {"rf": {"seed": 1}}
    assert manifests.current == NOW
    assert manifests.get(NOW) is None


def test_a_first_run_has_no_manifests(tmp_path):
    assert len(catalog(tmp_path, NOW).load("run_manifests")) == 0


def test_nothing_is_saved_through_it(tmp_path):
    with pytest.raises(DatasetError, match="read only"):
        RunManifests(filepath=str(tmp_path / "run_manifest.json")).save({})
