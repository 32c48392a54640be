"""Every model has its pipelines; naming them is quick: what they compute with is left alone until a node runs."""

import subprocess
import sys

import pytest
from kedro.framework.startup import bootstrap_project
from kedro.validation import TypeExtractor

from blastscreen.models import MODELS, ModelKind
from blastscreen.pipeline_registry import register_pipelines

HEAVY = {"distributed", "imblearn", "keras", "matplotlib", "numba", "pandera", "scipy", "skimage", "sklearn"}
HEAVY |= {"skops", "statsmodels", "tensorflow", "zarr"}


def test_listing_the_pipelines_imports_no_heavy_library(repository):
    command = [sys.executable, "-X", "importtime", "-m", "kedro", "registry", "list"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "blastscreen.pipelines.modelling" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


@pytest.fixture(scope="module")
def registered(repository):
    bootstrap_project(repository)
    return register_pipelines()


def test_kedro_holds_the_block_of_every_model_against_its_own_fields(registered):
    blocks = TypeExtractor(registered).extract_types_from_pipelines()
    assert {name: blocks[name] for name in MODELS} == {name: model.parameters for name, model in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_evaluated_and_decides_on_other_peoples_cells(registered, name):
    made, by_default = registered[name].all_outputs(), MODELS[name].by_default
    assert {f"{name}_metrics", f"{name}_triage"} <= made
    assert (f"{name}_importances" in made) == (MODELS[name].kind == ModelKind.TABULAR)
    outside = registered["external" if by_default else f"external_{name}"].all_outputs()
    assert {f"{name}_external_predictions", f"{name}_external_triage", f"{name}_external_metrics"} <= outside
    assert (f"{name}_metrics" in registered["__default__"].all_outputs()) == by_default
    assert made | {f"{name}_errors", "report"} <= registered["every_model"].all_outputs()


def test_what_a_model_outside_of_the_default_predicts_with_needs_no_other_model(registered):
    stored = registered["predict_logistic_regression"].inputs()
    assert {name for name in stored if name.endswith("_model")} == {"logistic_regression_model"}


def test_models_on_features_need_no_tensorflow(registered):
    for name in ("rf", "gradient_boosting", "predict_extra_trees"):
        assert "params:cnn" not in registered[name].inputs()
