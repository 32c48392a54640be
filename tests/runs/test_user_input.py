"""`--params` and paths are read as users meant them; what is wrong is refused by name, place and what is allowed."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from kedro.framework.startup import bootstrap_project
from omegaconf import OmegaConf

from blastscreen.cli import run
from blastscreen.datasets.viz import LayeredConfigLoader
from blastscreen.models.estimators import ForestParameters
from blastscreen.parameters import HybridParameters
from blastscreen.runs.user_input import find_wrong_parameters, place_paths
from blastscreen.settings import CONFIG_LOADER_ARGS

FOREST = {"n_trees": 9, "balancing": "none", "false_alarm_cost": 2.0, "ensemble_size": 4, "seed": 1}
FOREST |= {"permutation_repeats": 1, "correlation_threshold": 0.5}


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
def test_text_stays_as_it_was_typed(text):
    names = ("images", "external_images", "external_labels")
    typed = ",".join(f"{name}={text}" for name in (*names, "compute.scheduler"))
    assert read(f"seed=7,{typed}") == {"seed": 7, "compute": {"scheduler": text}} | dict.fromkeys(names, text)


@settings(deadline=None, max_examples=30)
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


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"compute": {"n_jobs": 0}},
            r"compute.n_jobs is 0 \(--params\). It must be -1, or be greater than or eq",
        ),
        (
            {"splits": {"strategy": "x"}},
            r"splits.strategy is .* 'subject', 'source_fold' or 'image' \(what is never",
        ),
        ({"compute": {"backend": "dask"}}, r"^compute \(--params\): backend dask and scheduler go together"),
        ({"splits": 3}, r"^splits is 3 \(--params\). It must be a valid dictionary"),
        ({"splits": {"Seed": 3}}, r"^splits.Seed \(--params\) is not a parameter. Did you mean splits.seed"),
        ({"seeds": 3}, r"^seeds \(--params\) is not a parameter. Did you mean seed"),
        ({"labels": 7}, r"labels is 7, not the name of a folder or file"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(repository, params, text):
    loader = LayeredConfigLoader(str(repository / "conf"), runtime_params=params, **CONFIG_LOADER_ARGS)
    (found,) = find_wrong_parameters(loader, params)
    assert re.search(text, found)


def test_a_block_that_conf_lacks_is_missing_field_by_field(repository, tmp_path):
    (tmp_path / "local").mkdir()
    shutil.copytree(repository / "conf" / "base", tmp_path / "base")
    (tmp_path / "base" / "parameters" / "hybrid.yml").write_text("hybrid: {}")
    loader = LayeredConfigLoader(str(tmp_path), **CONFIG_LOADER_ARGS)
    assert list(find_wrong_parameters(loader, {})) == [
        f"hybrid.forest_weight is missing: {HybridParameters.model_fields['forest_weight'].description}."
    ]
