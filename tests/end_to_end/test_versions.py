"""The law of the catalog, and what old versions are good for."""

import pytest
from kedro.io.core import AbstractVersionedDataset

from blastscreen.models import MODELS
from blastscreen.pipeline_registry import register_pipelines
from blastscreen.pipelines import (
    assessment,
    audit,
    feature_engineering,
    modelling,
    prediction,
    preprocessing,
    reporting,
)

pytestmark = pytest.mark.slow


def separate_pipelines():
    models = {name: modelling.create_pipeline(name) for name in MODELS}
    evaluations = {f"evaluation of {name}": assessment.create_pipeline(name) for name in MODELS}
    return {
        "preprocessing": preprocessing.create_pipeline(),
        "feature_engineering": feature_engineering.create_pipeline(),
        **models,
        **evaluations,
        "audit": audit.create_pipeline(),
        "reporting": reporting.create_pipeline(MODELS),
        "predict": register_pipelines()["predict"],
        "predict all": prediction.create_pipeline(MODELS),
        "external": prediction.create_external(MODELS),
    }


def handed_over():
    """Names of the datasets that one pipeline writes and another reads."""
    pipelines = separate_pipelines()
    return sorted(
        name
        for writer, written in pipelines.items()
        for name in written.all_outputs()
        if any(name in read.inputs() for reader, read in pipelines.items() if reader != writer)
    )


def test_something_is_handed_over():
    assert {"cell_images", "cell_features", "rf_predictions", "cnn_triage", "rf_operating_point"} <= set(handed_over())


@pytest.mark.parametrize("env", [None, "cnmc", "paper"])
def test_every_entry_between_pipelines_is_versioned(project, env):
    catalog = project.catalog(env=env)
    for name in handed_over():
        dataset = catalog[name]
        assert isinstance(dataset, AbstractVersionedDataset), name
        assert dataset._version is not None, f"{name} has no `versioned: true` in the catalog"


@pytest.mark.parametrize("env", [None, "cnmc", "paper"])
def test_every_saved_result_is_versioned(project, env):
    catalog = project.catalog(env=env)
    outputs = {name for pipeline in separate_pipelines().values() for name in pipeline.outputs()}
    assert all(catalog[name]._version is not None for name in sorted(outputs))


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
