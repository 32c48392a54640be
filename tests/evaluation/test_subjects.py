import json

import pandas as pd
import pytest
from scipy.stats import norm, t
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.rates import count_votes, describe_subjects
from blastscreen.parameters import EvaluationParameters
from blastscreen.schemas import SUBJECTS

LEVEL, POINT = EvaluationParameters.model_construct(confidence_level=0.95), {"threshold": 0.5}


def predictions(split, cells):
    """Make predictions of one split from {subject: (group, label, probabilities)}."""
    return pd.DataFrame(
        [
            {
                "subject_id": name,
                "subject_group": group,
                "label": label,
                "split": split,
                "data_source": "simulated",
                "blast_probability": p,
            }
            for name, (group, label, probabilities) in cells.items()
            for p in probabilities
        ]
    )


PREDICTIONS = pd.concat(
    [
        predictions("test", {"3": ("3", "all", [0.5, 0.9, 0.1]), "H3": ("H3+H4", "hem", [0.5, 0.4])}),
        predictions("train", {"1": ("1", "all", [0.9])}),
        predictions(
            "validation",
            {
                "H4": ("H3+H4", "hem", [0.1, 0.2, 0.6]),
                "2": ("2", "all", [0.7, 0.3]),
                "11": ("11", "all", [0.1, 0.4]),
                "H11": ("H11", "hem", [0.9]),
            },
        ),
    ],
    ignore_index=True,
).sample(frac=1, random_state=0)


@pytest.fixture
def subjects():
    return describe_subjects(PREDICTIONS, POINT)


def test_subjects_by_hand(subjects):
    SUBJECTS.validate(subjects)
    columns = ["split", "subject_id", "n_cells", "n_right", "rate", "majority_call"]
    assert subjects[columns].to_numpy().tolist() == [
        ["validation", "11", 2, 0, 0.0, "hem"],
        # a tie is a vote for a blast
        ["validation", "2", 2, 1, 0.5, "all"],
        ["validation", "H11", 1, 0, 0.0, "all"],
        ["validation", "H4", 3, 2, pytest.approx(2 / 3), "hem"],
        ["test", "3", 3, 2, pytest.approx(2 / 3), "all"],
        ["test", "H3", 2, 1, 0.5, "all"],
    ]
    assert list(subjects["mean_probability"]) == pytest.approx([0.25, 0.5, 0.9, 0.3, 0.5, 0.45])


def test_votes_by_hand(subjects):
    votes = count_votes(subjects, settings=LEVEL)
    assert list(votes) == ["validation", "test", "data_source"]
    validation = votes["validation"]
    assert (validation["n_subject_groups"], validation["n_right"], validation["accuracy"]) == (4, 2, 0.5)
    for name in ("sensitivity", "specificity"):
        rate = validation[name]
        assert (rate["n_subject_groups"], rate["n_right"], rate["rate"]) == (2, 1, 0.5)
    assert (votes["test"]["sensitivity"]["rate"], votes["test"]["specificity"]["rate"]) == (1.0, 0.0)
    assert json.loads(json.dumps(votes, allow_nan=False)) == votes


def test_two_ids_of_one_person_vote_together():
    ids = {"7": ("7+8", "all", [0.9]), "8": ("7+8", "all", [0.1, 0.9, 0.1]), "9": ("9", "all", [0.1])}
    ids |= {"H7": ("H7+H8", "hem", [0.1]), "H8": ("H7+H8", "hem", [0.9])}
    votes = count_votes(describe_subjects(predictions("test", ids), POINT), settings=LEVEL)["test"]
    # a tie of four cells calls the first person rightly, one of two the last wrongly
    assert (votes["n_subject_groups"], votes["n_right"]) == (3, 1)
    assert (votes["sensitivity"]["n_subject_groups"], votes["sensitivity"]["n_right"]) == (2, 1)
    assert (votes["specificity"]["n_subject_groups"], votes["specificity"]["n_right"]) == (1, 0)


def test_persons_called_rightly_are_as_many_observations():
    ids = {name: (name, "all", [0.9]) for name in "12345"}
    votes = count_votes(
        describe_subjects(predictions("test", ids), POINT),
        settings=EvaluationParameters.model_construct(confidence_level=0.9),
    )["test"]
    n_seen = 5 * (norm.ppf(0.95) / t.ppf(0.95, 5)) ** 2
    low = proportion_confint(n_seen, n_seen, alpha=0.1, method="wilson")[0]
    assert (
        votes["interval"] == votes["sensitivity"]["interval"] == {"low": pytest.approx(low), "high": 1, "n_groups": 5}
    )
    assert votes["specificity"]["interval"] is None


def test_one_subject_in_two_splits_is_described_in_each():
    twice = pd.concat([predictions(split, {"5": ("5", "all", [0.9, 0.1])}) for split in ("test", "validation")])
    table = describe_subjects(twice, POINT)
    assert table[["subject_id", "split"]].to_numpy().tolist() == [["5", "validation"], ["5", "test"]]


def test_a_split_or_class_without_subjects_has_no_rate(subjects):
    blasts = subjects[(subjects["split"] == "validation") & (subjects["label"] == "all")]
    votes = count_votes(blasts, settings=LEVEL)
    nothing = {"n_subject_groups": 0, "n_right": 0, "rate": None, "interval": None}
    assert votes["validation"]["specificity"] == votes["test"]["sensitivity"] == nothing
    assert (votes["test"]["accuracy"], votes["test"]["interval"], votes["test"]["n_subject_groups"]) == (None, None, 0)
    SUBJECTS.validate(describe_subjects(PREDICTIONS[PREDICTIONS["split"] == "train"], POINT))
