"""`kedro run` on the sample: everything is there, accounted for, and the same again."""

import json
from itertools import combinations

import pandas as pd
import pytest

from blastscreen.cohort.fitness import list_reasons
from blastscreen.models import MODELS
from blastscreen.pipeline_registry import register_pipelines
from blastscreen.vocabulary import EVALUATED_SPLITS, GENERATED_SAMPLE, IDENTITY, Decision, Split, is_unfit

BY_DEFAULT = [name for name, model in MODELS.items() if model.by_default]
pytestmark = pytest.mark.slow


def test_every_file_has_a_row_and_every_accepted_cell_a_picture_features_and_a_role(default_run):
    catalog = default_run[0].catalog()
    index = catalog.load("cell_index")
    accepted = sorted(index.loc[index["status"].isin(["accepted", "review"]), "image_id"])
    assert sorted(catalog.load("raw_cells")) == index["image_id"].tolist()
    assert sorted(catalog.load("cell_images").image_ids) == accepted
    assert sorted(catalog.load("cell_features")["image_id"]) == accepted
    assert sorted(catalog.load("cell_splits")["image_id"]) == accepted
    assert catalog.load("integrity_report")["n_files"] == len(index)
    assert index.loc[index["status"].isin(["accepted", "review"]), "pixel_hash"].is_unique
    assert set(index["status"]) == {"accepted", "review", "rejected", "duplicate"}


def test_predictions_cover_validation_and_test_and_metrics_count_them(default_run):
    catalog = default_run[0].catalog()
    splits = catalog.load("cell_splits").set_index("image_id")["split"]
    predictions = catalog.load("rf_predictions")
    metrics = catalog.load("rf_metrics")
    assert set(predictions["image_id"]) == set(splits.index[splits != Split.TRAIN])
    assert {split: metrics[split]["n_cells"] for split in EVALUATED_SPLITS} == predictions[
        "split"
    ].value_counts().to_dict()


@pytest.mark.parametrize("model", BY_DEFAULT)
def test_every_result_speaks_of_the_predicted_cells_and_of_one_threshold(default_run, model):
    catalog = default_run[0].catalog()
    predictions, metrics = catalog.load(f"{model}_predictions"), catalog.load(f"{model}_metrics")
    point = catalog.load(f"{model}_operating_point")
    assert point["chosen_on"] == "validation"
    assert (
        point["validation"]["sensitivity"] == metrics["validation"]["sensitivity"] >= point["wanted"]["min_sensitivity"]
    )
    for table in ("calibrated_predictions", "triage"):
        pd.testing.assert_frame_equal(catalog.load(f"{model}_{table}")[IDENTITY], predictions[IDENTITY])
    called = catalog.load(f"{model}_triage")["call"] == Decision.BLAST
    assert called.equals(predictions["blast_probability"] >= point["threshold"])
    errors, referral = catalog.load(f"{model}_errors"), catalog.load(f"{model}_referral")
    confusion = metrics["test"]["confusion"]
    assert errors["threshold"] == metrics["test"]["threshold"] == point["threshold"]
    assert (errors["n_false_positives"], errors["n_false_negatives"]) == (
        confusion["false_positives"],
        confusion["false_negatives"],
    )
    assert referral["test"]["false_alarms_without"] == confusion["false_positives"]
    triage = catalog.load(f"{model}_triage")
    reasons = list_reasons(catalog.load("cell_index"), catalog.load("training_range"))
    assert triage["reasons"].tolist() == reasons[triage["image_id"]].tolist()
    assert set(triage.loc[is_unfit(triage["reasons"]), "decision"]) <= {Decision.REFER}
    subjects = catalog.load(f"{model}_subjects")
    assert subjects["n_cells"].sum() == len(predictions)
    votes = catalog.load(f"{model}_subject_votes")["test"]
    assert votes["n_subject_groups"] == metrics["test"]["n_subject_groups"]


def test_models_are_compared_on_the_cells_of_this_run(default_run):
    project, version = default_run
    catalog = project.catalog()
    pairs = catalog.load("comparison")["pairs"]
    assert [(pair["first"], pair["second"]) for pair in pairs] == list(combinations(BY_DEFAULT, 2))
    metrics = {model: catalog.load(f"{model}_metrics")["test"] for model in BY_DEFAULT}
    for pair in pairs:
        one, other = (metrics[pair[side]] for side in ("first", "second"))
        assert set(pair["versions"].values()) == {version}
        assert pair["n_cells"] == one["n_cells"] == other["n_cells"]
        assert pair["differences"]["auroc"]["difference"] == pytest.approx(one["auroc"] - other["auroc"])


def test_the_hybrid_is_the_mean_of_forest_and_network(default_run):
    project, version = default_run
    names = [f"{model}_predictions" for model in ("rf", "cnn", "hybrid")]
    forest, network, hybrid = map(project.catalog(versions=dict.fromkeys(names, version)).load, names)
    mean = (forest["blast_probability"] + network["blast_probability"]) / 2
    pd.testing.assert_frame_equal(hybrid, network.assign(blast_probability=mean))


def test_the_hybrid_takes_another_weight_from_stored_predictions_without_training(default_run):
    project, version = default_run
    again = project.run("hybrid", from_nodes=["hybrid.average_predictions"], params={"hybrid": {"forest_weight": 1}})
    saved = project.catalog(versions={"run_manifest": again}).load("run_manifest")["saved"]
    assert {name.split("_")[0] for name in saved} == {"hybrid"}
    old = project.catalog(versions={"rf_predictions": version}).load("rf_predictions")
    pd.testing.assert_frame_equal(project.catalog().load("hybrid_predictions"), old)


def test_no_group_of_subjects_sits_in_two_splits(default_run):
    splits = default_run[0].catalog().load("cell_splits")
    assert splits.groupby("subject_group")["split"].nunique().eq(1).all()


def test_everything_made_of_drawn_cells_says_so(default_run):
    catalog = default_run[0].catalog()
    for name in ("cell_index", "cell_splits", "rf_predictions", "cnn_predictions"):
        assert set(catalog.load(name)["data_source"]) == {GENERATED_SAMPLE}
    assert catalog.load("integrity_report")["data_source"] == GENERATED_SAMPLE
    figures = {name for name in register_pipelines()["__default__"].all_outputs() if "_figure" in name}
    assert {"rf_roc_figure", "cnn_referral_figure", "comparison_figure", "published_figure"} <= figures
    for name in sorted(figures):
        assert GENERATED_SAMPLE in catalog.load(name).to_json(), name


def test_the_manifest_tells_what_the_run_was_made_of(default_run):
    project, version = default_run
    manifest = project.catalog(versions={"run_manifest": version}).load("run_manifest")
    assert manifest["outcome"] == "finished"
    assert manifest["save_version"] == version
    assert manifest["parameters"]["rf"]["seed"] == 42
    assert manifest["load_versions"]["cell_features"] == version
    assert "rf_model" in manifest["saved"]
    assert str(project.folder) not in json.dumps(manifest)


def test_the_same_seed_gives_the_same_tables_whatever_the_number_of_workers_and_another_seed_other_splits(project):
    first = project.run("rf")
    project.run("rf", params={"compute": {"n_jobs": 1, "batch_size": 7}})
    names = ("cell_index", "cell_splits", "cell_features", "rf_importances", "rf_predictions")
    before, after = project.catalog(versions=dict.fromkeys((*names, "rf_metrics"), first)), project.catalog()
    for name in names:
        pd.testing.assert_frame_equal(before.load(name), after.load(name))
    assert before.load("rf_metrics") == after.load("rf_metrics")
    project.run("preprocessing", params={"seed": 7})
    ours, others = (catalog.load("cell_splits") for catalog in (before, project.catalog()))
    assert ours["image_id"].equals(others["image_id"])
    assert not ours["split"].equals(others["split"])
