"""The law of the catalog, and what old versions are good for."""

import pytest
from kedro.io.core import AbstractVersionedDataset

from blastscreen.pipeline_registry import register_pipelines

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("env", [None, "cnmc", "paper"])
def test_everything_that_a_node_writes_is_stored_in_versions(project, env):
    catalog = project.catalog(env=env)
    written = set().union(*(pipeline.all_outputs() for pipeline in register_pipelines().values()))
    assert {"cell_images", "audited_cells", "strangers", "rf_model", "extra_trees_metrics", "report"} < written
    for name in sorted(written):
        assert isinstance(catalog[name], AbstractVersionedDataset), f"{name} is kept in memory"
        assert catalog[name]._version is not None, f"{name} has no `versioned: true` in the catalog"


@pytest.fixture(scope="module")
def run_twice(make_project):
    """A project with two runs of the forest on different splits, and their versions."""
    project = make_project()
    return project, project.run("rf"), project.run("rf", params={"seed": 7})


@pytest.fixture
def twice(run_twice, tmp_path):
    """A copy of it."""
    project, *versions = run_twice
    return project.copy_to(tmp_path), *versions


def test_load_versions_really_use_the_old_version(twice):
    project, first, _ = twice
    old = {"cell_features": first, "cell_splits": first}
    project.run("rf", from_inputs=["cell_features"], to_outputs=["rf_predictions"], load_versions=old)
    predictions = project.catalog().load("rf_predictions")
    of_first = project.catalog(versions={"rf_predictions": first}).load("rf_predictions")
    assert predictions.equals(of_first)
    assert project.catalog().load("run_manifest")["load_versions"]["cell_features"] == first


def test_predictions_of_different_splits_are_neither_compared_nor_averaged(twice):
    project, first, _ = twice
    catalog = project.catalog()
    for result in ("predictions", "operating_point"):
        for model in ("cnn", "hybrid"):
            catalog.save(f"{model}_{result}", catalog.load(f"rf_{result}"))
    for pipeline, node in {"reporting": "reporting.compare_models", "hybrid": "hybrid.average_predictions"}.items():
        with pytest.raises(ValueError, match=f"rf_predictions of version {first} and cnn_predictions of version"):
            project.run(pipeline, node_names=[node], load_versions={"rf_predictions": first})


def test_tables_of_different_runs_are_not_mixed(twice):
    project, first, _ = twice
    smaller = {"type": "blastscreen.datasets.SampleCells", "n_cells": 60, "n_subjects": 8, "seed": 4}
    project.write_local("catalog", {"raw_cells": smaller})
    project.run("feature_engineering")
    with pytest.raises(ValueError, match="come from different runs"):
        project.run("rf", from_inputs=["cell_features"], load_versions={"cell_splits": first})
    assert project.catalog().load("run_manifest")["outcome"] == "failed: Refusal"
