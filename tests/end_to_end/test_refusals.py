"""Runs that would not do what was asked for stop before their first node, and say what to type."""

import pytest
from kedro.io import DatasetError
from kedro.runner import ParallelRunner

from blastscreen.cohort.soundness import CohortError
from blastscreen.vocabulary import Refusal


def test_parallel_runner_is_refused(project):
    with pytest.raises(Refusal, match="ParallelRunner is not supported"):
        project.run("rf", runner=ParallelRunner())


def test_images_without_an_environment_that_reads_them_are_refused(project):
    with pytest.raises(Refusal, match="--env=cnmc"):
        project.run("rf", params={"images": "somewhere"})


@pytest.mark.parametrize(
    ("pipeline", "name", "advice"),
    [
        ("predict", "labels", "Leave it out, or give external_labels"),
        ("preprocessing", "external_images", "Leave it out, or give images"),
        ("reporting", "images", "Leave it out"),
    ],
)
def test_a_folder_or_sheet_that_no_node_would_read_is_refused(project, pipeline, name, advice):
    with pytest.raises(Refusal, match=rf"{name}=somewhere has no effect on this pipeline\. {advice}\.$"):
        project.run(pipeline, env="cnmc", params={name: "somewhere"})


def test_a_missing_folder_says_where_the_images_come_from_and_what_to_type(project):
    with pytest.raises(DatasetError, match=r"(?s)tcia\.2019\.dc64i46r.*kedro run --env=cnmc"):
        project.run("rf", env="cnmc")


def test_too_few_subjects_stop_with_the_counts(project):
    few = {"type": "blastscreen.datasets.SampleCells", "n_cells": 24, "n_subjects": 4, "seed": 3}
    project.write_local("catalog", {"raw_cells": few})
    with pytest.raises(CohortError, match="2"):
        project.run("preprocessing")
    assert len(project.catalog().load("cell_index")) >= 24


def test_reporting_without_results_names_what_is_missing(project):
    with pytest.raises(Refusal, match=r"cell_images \(no stored version\), cell_index .*`kedro run`"):
        project.run("reporting")


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(project):
    version = project.run("preprocessing")
    with pytest.raises(Refusal, match=rf"cell_images \(stored versions: {version}\)"):
        project.run(
            "feature_engineering",
            node_names=["feature_engineering.measure_features"],
            load_versions={"cell_images": "2001-01-01T00.00.00.000Z"},
        )


def test_results_of_different_runs_are_named(project, caplog):
    first = project.run("preprocessing")
    project.run("feature_engineering")
    project.run("rf", from_inputs=["cell_features"], to_outputs=["rf_model"], load_versions={"cell_splits": first})
    assert f"cell_splits of {first}" in caplog.text
