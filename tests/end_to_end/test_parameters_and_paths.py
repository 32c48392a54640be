"""What users type after `--params=`, or give from Python, reaches the run as they meant it, or is refused by name."""

from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from kedro.framework.startup import bootstrap_project
from omegaconf import OmegaConf

from blastscreen.cli import run
from blastscreen.parameters import ForestParameters
from blastscreen.runs.checks import RunRefused
from blastscreen.runs.typed import place_paths
from blastscreen.synthesis.plan import plan_sample
from blastscreen.synthesis.tree import write_cells
from blastscreen.vocabulary import Refusal

FOREST = {"n_trees": 9, "class_weight": "none", "permutation_repeats": 1, "correlation_threshold": 0.5, "seed": 1}


@pytest.fixture(scope="module", autouse=True)
def bootstrapped(repository):
    bootstrap_project(repository)


def read(typed):
    """Read `--params` as the command does, and resolve it as conf does."""
    params = run.make_context("run", [f"--params={typed}"]).params["params"]
    return OmegaConf.to_container(OmegaConf.create(params), resolve=True)


@pytest.mark.parametrize(
    "text",
    [
        *("2019_01", "007", "1e5", "1:30", "2019-01-01", "true", "null", "~", "~/cells", " a ", "[1]", "{a: b}", "'a'"),
        *('"a"', "a,b", "a, b", "a=b", "a: b", "a #b", "*a", "&a", "!a", "%a", "@a", "- a", "a,,", "é ü/日本", ""),
        "${globals:seed}",
    ],
)
@pytest.mark.parametrize("name", ["images", "external_images", "external_labels", "compute.scheduler"])
def test_text_stays_as_it_was_typed(name, text):
    block, _, field = name.partition(".")
    assert read(f"seed=7,{name}={text}") == {"seed": 7, block: {field: text} if field else text}


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\${},= ")))
@example("\\${a}")
@example("\\\\${a${b}}")
def test_any_text_does(text):
    assume(not any(part.partition("=")[0].strip().isidentifier() for part in text.split(",")[1:] if "=" in part))
    assume(text != "???")  # OmegaConf's word for a value that is missing
    assert read(f"images={text}") == {"images": text}


@pytest.mark.parametrize(
    ("typed", "n_trees"), [("100", 100), ("010", 10), ("1_000", 1000), ("1:30", None), ("0x10", None), ("12,", 12)]
)
def test_numbers_are_those_that_people_read(typed, n_trees):
    given = FOREST | read(f"rf.n_trees={typed}")["rf"]
    if n_trees is None:
        with pytest.raises(ValueError, match="valid integer"):
            ForestParameters.model_validate(given)
    else:
        assert ForestParameters.model_validate(given).n_trees == n_trees


def test_commas_separate_parameters_and_nothing_else():
    assert read("images=/a,b/c, rf.n_trees=3,preprocessing.expected_sizes=[450, 600],cnn.resume=true") == {
        "images": "/a,b/c",
        "rf": {"n_trees": 3},
        "preprocessing": {"expected_sizes": [450, 600]},
        "cnn": {"resume": True},
    }


@pytest.mark.parametrize("given", [201901, True, None, "", ["a"], {"a": "b"}])
def test_what_is_no_text_is_refused_where_text_is_meant(project, given):
    with pytest.raises(RunRefused, match=r"images is .*between quotes"):
        project.run("preprocessing", env="cnmc", params={"images": given})


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"rf": {"n_tree": 10}}, r"rf.n_tree \(.*\) is not a parameter. Did you mean rf.n_trees\?"),
        ({"cnn": {"epoch": 10}}, r"cnn.epoch \(.*\) is not a parameter. Did you mean cnn.epochs\?"),
        ({"n_trees": 10}, r"'n_trees' \(did you mean 'rf.n_trees'\?\)"),
        ({"model_names": {"rff": "forest"}}, r"'model_names.rff' \(did you mean 'model_names.rf'\?\)"),
        ({"imagse": "a", "zzz": 1}, r"'imagse' \(did you mean 'images'\?\); 'zzz' \(known: .*splits"),
    ],
)
def test_misspelled_names_are_refused_with_a_hint(project, params, hint):
    with pytest.raises(RunRefused, match=hint):
        project.run("rf", params=params)
    project.write_local("parameters", params)
    with pytest.raises(RunRefused, match=hint):
        project.run("rf")


@pytest.mark.parametrize(("block", "field", "value"), [("cnn", "epochs", 2.5), ("hybrid", "forest_weight", 2)])
def test_blocks_that_the_pipeline_leaves_alone_are_checked_too(project, block, field, value):
    change = {block: {field: value}}
    with pytest.raises(RunRefused, match=rf"{block}.{field} is {value} \(--params\). It must be"):
        project.run("preprocessing", params=change)
    project.write_local("parameters", change)
    with pytest.raises(RunRefused, match=rf"{block}.{field} is {value} \(conf/local/parameters.yml\). It must be"):
        project.run("preprocessing")


def test_paths_of_a_catalog_are_spelled_in_full(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/jane")
    folder = "blastscreen.datasets.CellImageFolder"
    catalog = {
        "a": {"type": folder, "path": "~/cells", "labels": "sheets/labels.csv"},
        "b": {"type": folder, "path": Path("scan:3"), "labels": None},
        "c": {"type": folder, "path": "file://~/cells", "labels": "s3://lab/labels.csv"},
        "d": {"type": "another", "dataset": {"filepath": "~/a/table.csv"}, "labels": "sheets", "n": 3},
    }
    assert place_paths(catalog, project_path=Path("/project")) == {
        "a": {"type": folder, "path": "/home/jane/cells", "labels": "/project/sheets/labels.csv"},
        "b": {"type": folder, "path": "/project/scan:3", "labels": None},
        "c": {"type": folder, "path": "/home/jane/cells", "labels": "s3://lab/labels.csv"},
        "d": {"type": "another", "dataset": {"filepath": "/home/jane/a/table.csv"}, "labels": "sheets", "n": 3},
    }


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
    project.run("preprocessing", env="cnmc", params=read(f"images=~/{name}"))
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
