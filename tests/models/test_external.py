"""Cells from outside: who is a stranger, what is decided on every file, and what a spreadsheet gets."""

import numpy as np
import pandas as pd
import pytest

from blastscreen.cohort.index import build_cell_index, tabulate_records
from blastscreen.cohort.soundness import CohortError
from blastscreen.evaluation.calibration import calibrate_predictions
from blastscreen.models.external import (
    decide_on_files,
    evaluate_strangers,
    list_for_lab,
    require_strangers,
)
from blastscreen.parameters import EvaluationParameters
from blastscreen.schemas import EXTERNAL_PREDICTIONS
from blastscreen.vocabulary import CONSEQUENCES, Calibration, Consequence

SETTINGS = EvaluationParameters.model_construct(confidence_level=0.95)
OPERATING_POINT = {"threshold": 0.4}
TRAINING_RANGE = {"cell_area": {"low": 1000.0, "high": 3000.0}, "data_source": "a lab"}


def index(*files, source="outside"):
    """Build the index of files that are given as name, pixel hash and, for rejected or flagged ones, a reason."""
    records = [
        {
            "image_id": name,
            "status": "accepted"
            if not reason
            else "rejected"
            if CONSEQUENCES[reason[0]] == Consequence.REJECTED
            else "review",
            "reasons": "".join(reason),
            "detail": "",
            "cell_area": 500 if pixels == "half" else 2000,
            "pixel_hash": pixels,
        }
        for name, pixels, *reason in files
    ]
    return build_cell_index([tabulate_records(records)], data_source=source, count_duplicates_once=True)


COHORT = index(
    ("UID_1_1_1_all.bmp", "a"),
    ("UID_2_1_1_all.bmp", "b"),
    ("UID_H1_1_1_hem.bmp", "c"),
    ("UID_H2_1_1_hem.bmp", "d"),
    ("UID_H9_1_1_hem.bmp", "e", "no_cell"),
    source="cohort",
)
OUTSIDE = (
    ("UID_51_1_1_all.bmp", "p"),
    ("UID_52_1_1_all.bmp", "q"),
    ("UID_H51_1_1_hem.bmp", "r"),
    ("x.bmp", "e", "alpha"),
)


def problems(outside):
    with pytest.raises(CohortError) as refused:
        require_strangers(outside, COHORT)
    return refused.value.args


def test_strangers_pass_and_rejected_files_do_not_matter():
    assert require_strangers(index(*OUTSIDE), COHORT)["image_id"].tolist() == [name for name, *_ in OUTSIDE[:3]]
    # the subject and the picture of a file that the cohort rejected taught no model anything
    also = require_strangers(index(*OUTSIDE[:3], ("UID_H9_5_5_hem.bmp", "e")), COHORT)
    assert len(also) == 4


def test_a_subject_of_the_cohort_is_refused_whatever_its_pictures():
    (problem,) = problems(index(*OUTSIDE, ("UID_2_7_7_all.bmp", "z"), ("UID_h1_7_7_hem.bmp", "y")))
    assert "2 subjects with 2 cells of the cohort" in problem
    assert ": 2, H1. Take these subjects out" in problem


def test_a_picture_of_the_cohort_is_refused_whatever_its_name():
    (problem,) = problems(index(*OUTSIDE, ("UID_53_1_1_all.bmp", "b")))
    assert "1 picture of the cohort" in problem
    assert "UID_53_1_1_all.bmp = UID_2_1_1_all.bmp" in problem


def test_everything_wrong_is_said_at_once():
    found = problems(index(*OUTSIDE, ("17.bmp", "a"), ("UID_1_9_9_all.bmp", "z")))
    assert [text.split(":")[1].split(" of ")[0].strip() for text in found] == [
        "1 file without subject and label",
        "1 subject with 1 cell",
        "1 picture",
    ]


@pytest.fixture
def predictions():
    """Scores of a model on its own cohort; blasts have the higher ones, with overlap."""
    rng = np.random.default_rng(1)
    is_blast = np.arange(80) % 2 == 0
    return pd.DataFrame(
        {
            "image_id": [f"UID_{'' if blast else 'H'}1_1_{n}.bmp" for n, blast in enumerate(is_blast)],
            "subject_id": np.where(is_blast, "1", "H1"),
            "subject_group": np.where(is_blast, "1", "H1"),
            "label": np.where(is_blast, "all", "hem"),
            "split": np.where(np.arange(80) < 60, "validation", "test"),
            "data_source": "cohort",
            "blast_probability": np.clip(rng.normal(0.4 + 0.2 * is_blast, 0.2), 0.01, 0.99),
        }
    )


def decide(predictions, files, scores, *, min_confidence, calibration="isotonic"):
    scores = pd.DataFrame(scores, columns=["image_id", "blast_probability", "reasons"])
    referral = {"min_confidence": min_confidence}
    settled = (OPERATING_POINT, {"chosen": calibration}, referral, TRAINING_RANGE)
    return decide_on_files(files, scores, predictions, *settled)


FILES = index(*OUTSIDE, ("holiday.bmp", "h"), ("odd.bmp", "o"))
SCORES = (
    ("UID_51_1_1_all.bmp", 0.9, ""),
    ("UID_52_1_1_all.bmp", 0.39, ""),
    ("UID_H51_1_1_hem.bmp", 0.41, ""),
    ("holiday.bmp", 0.05, ""),
    ("odd.bmp", np.nan, "non_finite:solidity"),
)


def test_every_file_has_a_row_and_only_scored_ones_a_call(predictions):
    table = EXTERNAL_PREDICTIONS.validate(decide(predictions, FILES, SCORES, min_confidence=0.8))
    assert table["image_id"].tolist() == FILES["image_id"].tolist()
    table = table.set_index("image_id")
    assert table["call"].dropna().tolist() == ["blast", "normal", "blast", "normal"]
    assert table["decision"].dropna().tolist() == ["blast", "refer", "refer", "normal", "refer"]
    assert table.loc[["x.bmp", "odd.bmp"], "reasons"].tolist() == ["alpha", "non_finite:solidity"]
    assert table.loc[["x.bmp", "odd.bmp"], ["blast_probability", "call", "confidence"]].isna().all(axis=None)
    # what could be read but not scored goes to an expert
    assert table.loc[["x.bmp", "odd.bmp"], "decision"].fillna("").tolist() == ["", "refer"]


def test_unfit_files_are_referred_with_their_reason_however_sure_the_score_is(predictions):
    unfit = (("smear.bmp", "s", "unsegmented"), ("small.bmp", "half"))
    files = index(*unfit, ("fit.bmp", "f", "lossy_source"))
    table = decide(predictions, files, [(name, 0.99, "") for name in files["image_id"]], min_confidence=0.0)
    EXTERNAL_PREDICTIONS.validate(table)
    assert table["decision"].tolist() == ["refer", "refer", "blast"]
    assert table["reasons"].tolist() == ["unsegmented", "small_cell", "lossy_source"]
    assert table["blast_probability"].tolist() == [0.99] * 3
    silent = ["calibrated_probability", "call", "confidence"]
    assert table[silent].isna().all(axis=1).tolist() == [True, True, False]
    assert list_for_lab(table, {"attainable": True})[["calibrated_probability", "confidence"]].isna().all(
        axis=1
    ).tolist() == [
        True,
        True,
        False,
    ]


def test_a_duplicate_gets_what_the_file_gets_that_it_repeats(predictions):
    files = index(("b.bmp", "h"), ("a.bmp", "h"), ("z.bmp", "half"), ("y.bmp", "half"), ("u.bmp", "u"), ("t.bmp", "u"))
    scores = [("a.bmp", 0.9, ""), ("y.bmp", 0.9, ""), ("t.bmp", np.nan, "non_finite:solidity")]
    table = EXTERNAL_PREDICTIONS.validate(decide(predictions, files, scores, min_confidence=0.0))
    assert table["image_id"].tolist() == files["image_id"].tolist()
    assert table["decision"].tolist() == ["blast", "blast", "refer", "refer", "refer", "refer"]
    assert table["reasons"].tolist() == [
        *("duplicate", ""),
        *("duplicate;small_cell", "small_cell"),
        *("duplicate;non_finite:solidity", "non_finite:solidity"),
    ]
    assert table["confidence"][0] == table["confidence"][1]


def test_probabilities_are_those_of_the_calibration_on_the_models_own_validation_cells(predictions):
    table = decide(predictions, FILES, SCORES, min_confidence=0.8).dropna(subset="blast_probability")
    like_them = predictions.tail(4).assign(blast_probability=table["blast_probability"].to_numpy())
    both = pd.concat([predictions.assign(split="validation").head(60), like_them])
    expected = calibrate_predictions(both, method=Calibration.ISOTONIC)["blast_probability"].tail(4)
    np.testing.assert_allclose(table["calibrated_probability"], expected)
    is_called = table["call"] == "blast"
    np.testing.assert_allclose(table["confidence"], np.where(is_called, expected, 1 - expected))


def test_scores_stand_for_probabilities_where_calibration_was_not_chosen(predictions):
    table = decide(predictions, FILES, SCORES, min_confidence=0.8, calibration="none").dropna(subset="confidence")
    assert table["calibrated_probability"].tolist() == table["blast_probability"].tolist()


def test_where_no_confidence_is_enough_everything_is_referred(predictions):
    table = decide(predictions, FILES, SCORES, min_confidence=None)
    assert set(table["decision"].dropna()) == {"refer"}
    plan = {"attainable": False, "trials": [], "n_groups": 4, "n_groups_needed": 59}
    plan |= {"max_residual_error": 0.05, "confidence_level": 0.95, "min_confidence": None}
    listed = list_for_lab(table, plan)
    is_referred = listed["decision"] == "refer"
    assert listed.loc[is_referred, "note"].str.contains("takes 59 subject groups.*there are 4").all()
    assert set(listed.loc[~is_referred, "note"]) == {""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_a_spreadsheet_runs_no_file_name(predictions, start):
    hostile = f'{start}HYPERLINK("x").bmp'
    table = decide(predictions, index((hostile, "h"), ("a-b.bmp", "i")), [(hostile, 0.9, "")], min_confidence=0.8)
    listed = list_for_lab(table, {"attainable": True})
    assert listed["note"].tolist() == ["", ""]
    assert listed["image_id"].tolist() == [f"'{hostile}", "a-b.bmp"]
    assert listed["decision"].tolist() == ["blast", "refer"]


def test_metrics_are_of_scored_cells_at_the_stored_threshold(predictions):
    files = index(*OUTSIDE, ("UID_H52_1_1_hem.bmp", "s"), ("UID_H52_1_2_hem.bmp", "t"))
    scores = (*SCORES[:3], ("UID_H52_1_1_hem.bmp", 0.1, ""), ("UID_H52_1_2_hem.bmp", np.nan, "non_finite:area"))
    table = decide(predictions, files, scores, min_confidence=0.8)
    own = predictions[["image_id", "subject_id", "label"]]
    strangers = require_strangers(files, COHORT)
    metrics = evaluate_strangers(table, strangers, predictions, own, OPERATING_POINT, SETTINGS)
    assert metrics["confusion"] == {
        "true_negatives": 1,
        "false_positives": 1,
        "false_negatives": 1,
        "true_positives": 1,
    }
    assert (metrics["n_files"], metrics["n_rejected"], metrics["n_unscored"], metrics["n_cells"]) == (6, 1, 1, 4)
    assert (metrics["n_duplicate"], metrics["n_unfit"]) == (0, 0)
    assert (metrics["n_referred"], metrics["coverage"], metrics["selective_risk"]) == (2, 0.5, 0.0)
    assert metrics["threshold"] == 0.4
    assert metrics["n_subject_groups"] == 4
    assert metrics["data_source"] == "outside"


def test_duplicates_count_once_and_unfit_cells_are_never_decided(predictions):
    files = index(*OUTSIDE, ("copy/UID_51_1_1_all.bmp", "p"), ("UID_H53_1_1_hem.bmp", "half"))
    scores = (*SCORES[1:3], ("UID_51_1_1_all.bmp", 0.9, ""), ("UID_H53_1_1_hem.bmp", 0.9, ""))
    table = decide(predictions, files, scores, min_confidence=0.0)
    own = predictions[["image_id", "subject_id", "label"]]
    metrics = evaluate_strangers(table, require_strangers(files, COHORT), predictions, own, OPERATING_POINT, SETTINGS)
    assert (metrics["n_files"], metrics["n_cells"], metrics["n_duplicate"], metrics["n_unfit"]) == (6, 4, 1, 1)
    # of the three that are decided two are called wrongly; the wrong score of the unfit one decides nothing
    assert (metrics["n_referred"], metrics["coverage"], metrics["selective_risk"]) == (1, 0.75, 2 / 3)


def test_a_subject_known_only_by_a_duplicate_is_no_stranger():
    (problem,) = problems(index(*OUTSIDE, ("copy/UID_2_1_1_all.bmp", "p")))
    assert "1 subject with 1 cell of the cohort that the models were made from: 2." in problem


def test_another_cohort_than_the_models_own_is_no_comparison(predictions):
    files = index(*OUTSIDE)
    table = decide(predictions, files, SCORES[:3], min_confidence=0.8)
    own = predictions[["image_id", "subject_id", "label"]].tail(79)
    with pytest.raises(ValueError, match="made from another cohort than cell_index: 1 of the 80"):
        evaluate_strangers(table, require_strangers(files, COHORT), predictions, own, OPERATING_POINT, SETTINGS)
