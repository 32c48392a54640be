import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.io.core import generate_timestamp

from blastscreen.datasets import AtomicParquet

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
