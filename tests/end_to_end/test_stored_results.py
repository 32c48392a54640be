"""A run that begins with stored results begins with the right ones, or says what to type instead."""

import shutil

import pytest
from kedro.framework.project import pipelines
from kedro.io import MemoryDataset
from kedro.io.core import is_parameter

from blastscreen.runs.manifest import find_start, open_entry
from blastscreen.vocabulary import Refusal

pytestmark = pytest.mark.slow


SAMPLE = {"raw_cells": {"type": "blastscreen.datasets.SampleCells", "n_cells": 64, "n_subjects": 8, "seed": 3}}


@pytest.fixture(scope="module")
def project(make_project):
    """The forest on the small sample, stored once."""
    project = make_project()
    project.run("rf")
    return project


def kept_in_memory(pipeline, catalog):
    names = [name for name in pipeline.inputs() if not is_parameter(name)]
    return [name for name in names if isinstance(open_entry(catalog, name), MemoryDataset)]


def test_wherever_a_run_begins_the_advice_leads_to_a_start_that_needs_only_what_is_stored(project):
    catalog = project.catalog()

    def missing(part, whole):
        made = part.inputs() & whole.all_outputs()
        return [
            name for name in made if isinstance(open_entry(catalog, name), MemoryDataset) or not catalog.exists(name)
        ]

    advised = 0
    for whole in (pipelines["hybrid"], pipelines["external"]):
        for node in whole.nodes[::4]:
            start = find_start(whole, [node.name], catalog)
            advised += start != [node.name]
            part = whole.from_nodes(*start)
            assert missing(part, whole) == []
            assert node in part.nodes
            if not missing(whole.from_nodes(node.name), whole):
                assert start == [node.name]
    assert advised > 3


@pytest.mark.parametrize("cut", ["from_nodes", "node_names"])
def test_a_start_from_what_is_not_stored_names_the_one_that_makes_it(project, cut):
    with pytest.raises(Refusal, match=r"cnn_predictions \(no stored version.*--from-nodes=cnn\.train_network$"):
        project.run("hybrid", **{cut: ["hybrid.average_predictions"]})


def test_what_is_kept_in_memory_is_made_again(project, tmp_path):
    project = project.copy_to(tmp_path)
    project.write_local("catalog", SAMPLE | {"cell_splits": {"type": "MemoryDataset"}})
    with pytest.raises(Refusal, match=r"cell_splits \(kept in memory.*--from-nodes=preprocessing\.\w+$"):
        project.run("rf", from_inputs=["cell_features"])


def test_only_missing_outputs_says_that_nothing_is_missing(project, caplog):
    project.run("rf", only_missing_outputs=True)
    assert "Nothing has to run" in caplog.text
    assert project.catalog().load("run_manifest")["saved"] == []


@pytest.mark.parametrize(
    ("params", "found", "start"),
    [
        ({"rf": {"n_trees": 30}}, r"rf_model of .*: rf.n_trees was 20, is 30", r"rf\.\w+"),
        ({"seed": 5}, r"cell_splits of .*: splits.seed was 42, is 5", r"preprocessing\.\w+"),
        ({"features": {"region": "frame"}}, r"features.region was cell, is frame", "feature_eng.*measure_features"),
    ],
)
def test_only_missing_outputs_refuses_to_keep_what_other_parameters_made(project, params, found, start):
    with pytest.raises(Refusal, match=rf"Nothing ran[\s\S]*{found}[\s\S]*--from-nodes={start} instead"):
        project.run("rf", params=params, only_missing_outputs=True)


def test_parameters_that_change_no_result_are_no_reason(project):
    params = {"compute": {"batch_size": 7}, "cnn": {"epochs": 3}}
    project.run("rf", params=params, only_missing_outputs=True)
    assert project.catalog().load("run_manifest")["saved"] == []


def test_only_missing_outputs_refuses_to_keep_what_other_inputs_made(project):
    project.write_local("catalog", {"raw_cells": SAMPLE["raw_cells"] | {"seed": 4}})
    with pytest.raises(Refusal, match=r"cell_index of .*: the files of raw_cells have changed"):
        project.run("rf", only_missing_outputs=True)
    project.write_local("catalog", SAMPLE)
    shutil.rmtree(next(project.folder.glob("data/06_models/*/rf_model.skops")))
    with pytest.raises(Refusal, match=r"rf_predictions of .*: rf_model was .*, is not stored"):
        project.run("rf", only_missing_outputs=True)
    project.run("preprocessing")
    with pytest.raises(Refusal, match=r"cell_features of .*: cell_images was [\w.-]+, is [\w.-]+\n"):
        project.run("rf", only_missing_outputs=True)


def test_tags_divide_everything_in_two_so_that_the_slow_part_begins_with_what_the_fast_one_stored(project):
    catalog = project.catalog()
    whole = pipelines["__default__"]
    fast, slow = (whole.only_nodes_with_tags(tag) for tag in ("fast", "slow"))
    assert {node.name for node in fast.nodes}.isdisjoint({node.name for node in slow.nodes})
    assert len(fast.nodes) + len(slow.nodes) == len(whole.nodes)
    assert kept_in_memory(fast, catalog) == kept_in_memory(slow, catalog) == []
    assert fast.inputs() & whole.all_outputs() == set()
    project.run(tags=["fast"])
    saved = project.catalog().load("run_manifest")["saved"]
    assert {"rf_model", "rf_metrics", "rf_roc_figure", "contact_sheet"} <= set(saved)
    assert [name for name in saved if "cnn" in name or "audit" in name or name == "report"] == []
