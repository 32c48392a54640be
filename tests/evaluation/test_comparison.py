import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from blastscreen.evaluation.comparison import compare_models, mcnemar_test, pair_cells, paired_differences
from blastscreen.evaluation.rates import METRICS, evaluate_cells

LEVEL = {"confidence_level": 0.95}


@pytest.fixture
def tables():
    """Scores of two models for the same cells: 7 subjects of each class, and a skill that varies between subjects."""
    rng = np.random.default_rng(3)
    cells = pd.DataFrame({"subject_id": [f"{i % 14}" for i in range(280)]})
    cells["label"] = np.where(cells["subject_id"].astype(int) < 7, "all", "hem")
    skill = rng.normal(0.1, 0.1, 14)[cells["subject_id"].astype(int)] * np.where(cells["label"] == "all", 1, -1)
    cells = cells.assign(image_id=cells.index.astype(str), subject_group=cells["subject_id"], data_source="a test")
    cells["split"] = np.where(cells.index < 240, "test", "validation")
    first, second = (np.clip(0.5 + skill + rng.normal(0, 0.1, 280), 0, 1) for _ in range(2))
    return {"rf": cells.assign(blast_probability=first), "cnn": cells.assign(blast_probability=second)}


def compare(tables, rf=0.5, cnn=0.5):
    return compare_models(tables, {"rf": rf, "cnn": cnn}, **LEVEL)


def test_differences_are_those_of_the_metrics_each_at_its_own_threshold(tables):
    pair = compare(tables, rf=0.4, cnn=0.6)["pairs"][0]
    thresholds = {"rf": 0.4, "cnn": 0.6}
    metrics = {
        model: evaluate_cells(table[table["split"] == "test"], threshold=thresholds[model], **LEVEL)
        for model, table in tables.items()
    }
    assert list(pair["differences"]) == list(METRICS)
    for name, found in pair["differences"].items():
        wanted = (metrics["rf"][name], metrics["cnn"][name])
        assert (found["first"], found["second"]) == pytest.approx(wanted)
        assert found["difference"] == pytest.approx(wanted[0] - wanted[1])
        assert found["interval"]["low"] <= found["difference"] <= found["interval"]["high"]


def test_pairing_cancels_what_is_hard_for_both(tables):
    pair = compare(tables)["pairs"][0]
    test = tables["rf"][tables["rf"]["split"] == "test"]
    alone = evaluate_cells(test, threshold=0.5, **LEVEL)["intervals"]["accuracy"]
    paired = pair["differences"]["accuracy"]["interval"]
    assert paired["high"] - paired["low"] < 0.7 * (alone["high"] - alone["low"])


def test_models_that_agree_on_every_cell_differ_by_0_but_not_surely(tables):
    pair = compare({"rf": tables["rf"], "cnn": tables["rf"]})["pairs"][0]
    for found in pair["differences"].values():
        low, high = found["interval"]["low"], found["interval"]["high"]
        assert found["difference"] == 0
        assert low == pytest.approx(-high)
        # of 14 groups or seven, none has told the models apart
        assert high > 0.1
    assert pair["mcnemar"]["p_value"] == 1


def test_a_model_that_calls_every_cell_a_blast_makes_no_difference_sure(tables):
    constant = tables | {"cnn": tables["cnn"].assign(blast_probability=0.9)}
    cells = constant["rf"][constant["rf"]["split"] == "test"]
    of_rf = evaluate_cells(cells, threshold=0.5, **LEVEL)["intervals"]
    found = compare(constant)["pairs"][0]["differences"]
    # what one class has in error is all that the models differ by
    for metric in ("sensitivity", "specificity"):
        own, interval = of_rf[metric], found[metric]["interval"]
        assert interval["high"] - interval["low"] == pytest.approx(own["high"] - own["low"], rel=0.3)
        assert interval["n_groups"] == 7


SCORES = [st.just(0.0), st.just(1.0), st.just(0.5), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])]


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(2, 7), st.integers(2, 7), st.sampled_from(SCORES), st.sampled_from(SCORES))
def test_no_difference_is_without_width_and_each_interval_holds_it(data, n_blasts, n_normals, first, second):
    groups = [*[f"b{i}" for i in range(n_blasts)], *[f"n{i}" for i in range(n_normals)]]
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=len(groups), max_size=len(groups)))
    cells = pd.DataFrame({"subject_group": np.repeat(groups, sizes)})
    cells["label"] = np.where(cells["subject_group"].str.startswith("b"), "all", "hem")
    for which, scores in (("first", first), ("second", second)):
        cells[f"{which}_probability"] = data.draw(st.lists(scores, min_size=len(cells), max_size=len(cells)))
    found = paired_differences(cells, thresholds=(0.5, 0.5), **LEVEL)
    for of in found.values():
        if interval := of["interval"]:
            assert -1 <= interval["low"] < interval["high"] <= 1
            assert interval["low"] - 1e-9 <= of["difference"] <= interval["high"] + 1e-9


def test_swapping_the_models_turns_every_sign(tables):
    cells = pair_cells(tables["rf"], tables["cnn"], names=("rf", "cnn"))
    swapped = pair_cells(tables["cnn"], tables["rf"], names=("cnn", "rf"))
    forth = paired_differences(cells, thresholds=(0.4, 0.6), **LEVEL)
    back = paired_differences(swapped, thresholds=(0.6, 0.4), **LEVEL)
    for name in METRICS:
        low, high = forth[name]["interval"]["low"], forth[name]["interval"]["high"]
        assert (back[name]["interval"]["low"], back[name]["interval"]["high"]) == pytest.approx((-high, -low))


def test_mcnemar_is_a_coin_tossed_for_every_cell_that_only_one_model_has_right():
    right, wrong = 0.9, 0.1
    cells = pd.DataFrame(
        {
            "label": "all",
            "first_probability": [right] * 5 + [right] * 7 + [wrong] * 2 + [wrong] * 3,
            "second_probability": [right] * 5 + [wrong] * 7 + [right] * 2 + [wrong] * 3,
        }
    )
    found = mcnemar_test(cells, thresholds=(0.5, 0.5))
    assert found.pop("caveat") == "ignores that cells of one subject are alike"
    assert found == {
        "both_right": 5,
        "only_first_right": 7,
        "only_second_right": 2,
        "both_wrong": 3,
        "p_value": pytest.approx(binomtest(2, 9).pvalue),
    }


def test_only_test_cells_that_both_scored_are_compared(tables):
    lacking = tables | {"rf": tables["rf"].drop(index=[0, 1, 250])}
    result = compare(lacking)
    pair = result["pairs"][0]
    assert (result["split"], pair["n_cells"], pair["n_unpaired"], pair["n_subject_groups"]) == ("test", 238, 2, 14)
    counts = {name: count for name, count in pair["mcnemar"].items() if name not in ("p_value", "caveat")}
    assert sum(counts.values()) == 238
    assert result["data_source"] == "a test"
    json.dumps(result, allow_nan=False)


def test_every_two_models_are_compared(tables):
    three = tables | {"lr": tables["cnn"]}
    pairs = compare_models(three, dict.fromkeys(three, 0.5), **LEVEL)["pairs"]
    assert [(pair["first"], pair["second"]) for pair in pairs] == [("rf", "cnn"), ("rf", "lr"), ("cnn", "lr")]


CHANGES = {
    "another role": lambda table: table.assign(split=table["split"].mask(table["image_id"] == "3", "validation")),
    "another label": lambda table: table.assign(label=table["label"].mask(table["image_id"] == "3", "hem")),
    "another group": lambda table: table.assign(
        subject_group=table["subject_group"].mask(table["image_id"] == "3", "x")
    ),
    "other cells": lambda table: table.assign(image_id=table["image_id"].mask(table["image_id"] == "3", "x")),
    "no cell in common": lambda table: table.assign(image_id="x" + table["image_id"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_predictions_of_different_splits_are_refused_with_their_versions(tables, change):
    changed = {"rf": tables["rf"], "cnn": CHANGES[change](tables["cnn"])}
    for table, version in zip(changed.values(), ("monday", "friday"), strict=True):
        table.attrs["version"] = version
    with pytest.raises(ValueError, match="rf_predictions of version monday and cnn_predictions of version friday"):
        compare(changed)


def test_versions_are_told(tables):
    tables["rf"].attrs["version"] = "monday"
    assert compare(tables)["pairs"][0]["versions"] == {"rf": "monday", "cnn": "unknown"}
