"""What users type after `--params=`, or give from Python, reaches the run as they meant it, or is refused by name."""

import pytest

from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import Refusal


@pytest.mark.parametrize("given", [201901, True, None, "", ["a"], {"a": "b"}])
def test_what_is_no_text_is_refused_where_text_is_meant(project, given):
    with pytest.raises(Refusal, match=r"images is .*between quotes"):
        project.run("preprocessing", env="cnmc", params={"images": given})


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"rf": {"n_tree": 10}}, r"rf.n_tree \(.*\) is not a parameter. Did you mean rf.n_trees"),
        (
            {"extra_trees": {"n_tree": 10}},
            r"extra_trees.n_tree \(.*\) is not a parameter. Did you mean extra_trees.n_trees",
        ),
        ({"cnn": {"epoch": 10}}, r"cnn.epoch \(.*\) is not a parameter. Did you mean cnn.epochs"),
        ({"n_trees": 10}, r"n_trees \(.*\) is not a parameter. Did you mean rf.n_trees"),
        ({"imagse": "a", "zzz": 1}, r"Did you mean images\?\nzzz \(.*\) is not a parameter. There are: .*splits"),
    ],
)
def test_misspelled_names_are_refused_with_a_hint(project, params, hint):
    with pytest.raises(Refusal, match=hint):
        project.run("rf", params=params)
    project.write_local("parameters", params)
    with pytest.raises(Refusal, match=hint):
        project.run("rf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canny_low": -3}, r"features.canny_low is -3 \(--params\). It must be greater than 0"),
        ({"groups": ["shape", "hu"]}, r"features.groups \(--params\): no group of features is called hu. Known: shape"),
    ],
)
def test_impossible_features_are_refused_before_the_first_node(project, change, message):
    with pytest.raises(Refusal, match=message):
        project.run("feature_engineering", params={"features": change})
    assert not (project.folder / "data").exists()


@pytest.mark.parametrize(
    ("block", "field", "value"), [("cnn", "epochs", 2.5), ("gradient_boosting", "learning_rate", 2)]
)
def test_blocks_that_the_pipeline_leaves_alone_are_checked_too(project, block, field, value):
    change = {block: {field: value}}
    with pytest.raises(Refusal, match=rf"{block}.{field} is {value} \(--params\). It must be"):
        project.run("preprocessing", params=change)
    project.write_local("parameters", change)
    with pytest.raises(Refusal, match=rf"{block}.{field} is {value} \(conf/local/parameters.yml\). It must be"):
        project.run("preprocessing")


def test_a_path_of_a_catalog_that_yaml_read_as_a_number_is_refused(project):
    folder = {"type": "blastscreen.datasets.CellImageFolder", "path": 201901}
    project.write_local("catalog", {"raw_cells": folder})
    with pytest.raises(Refusal, match=r"path: 201901 .* between quotes"):
        project.run("preprocessing")


@pytest.mark.slow
def test_a_folder_of_any_name_is_read_through_the_home_folder_and_through_a_link(project, tmp_path, monkeypatch):
    name = "2019,01 = ü: [x] '\"#$"
    write_cells(tmp_path / "home" / name, plan_sample(n_cells=60, n_subjects=8, seed=3), seed=3)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project.run("preprocessing", env="cnmc", params={"images": f"~/{name}"})
    index = project.catalog("cnmc").load("cell_index")
    assert len(index) == 60
    (tmp_path / "linked").symlink_to(tmp_path / "home" / name)
    project.run("preprocessing", env="cnmc", params={"images": tmp_path / "linked"})
    assert project.catalog("cnmc").load("cell_index").equals(index)
    assert project.catalog("cnmc").load("run_manifest")["runtime_parameters"] == {"images": "linked"}


@pytest.mark.parametrize("pipeline", ["preprocessing", "predict"])
def test_links_out_of_the_folder_are_refused_by_name(project, tmp_path, pipeline):
    cells = tmp_path / "cells"
    write_cells(cells, plan_sample(n_cells=60, n_subjects=8, seed=3), seed=3)
    (tmp_path / "links").mkdir()
    for file in cells.rglob("*.bmp"):
        (tmp_path / "links" / file.name).symlink_to(file)
    given = {"images" if pipeline == "preprocessing" else "external_images": str(tmp_path / "links")}
    nodes = {"predict": ["predict.preprocessing.index_cells", "predict.preprocessing.standardise_cells"]}
    with pytest.raises(ValueError, match=r"60 of 60 files rejected \(outside_root 60\).*cp -rL"):
        project.run(pipeline, env="cnmc", params=given, node_names=nodes.get(pipeline))
