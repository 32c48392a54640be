"""Parameter blocks refuse what cannot be meant, and conf fills every one of them."""

import pytest
from pydantic import ValidationError

from blastscreen.parameters import ComputeParameters, SplitParameters

SPLITS = {
    "strategy": "subject",
    "validation_fraction": 0.15,
    "test_fraction": 0.15,
    "validation_fold": "fold_1",
    "test_fold": "fold_2",
    "seed": 1,
}


def test_a_misspelled_name_is_refused():
    with pytest.raises(ValidationError, match="n_job"):
        ComputeParameters.model_validate({"backend": "threading", "n_job": 2, "n_jobs": 2, "batch_size": 8})


def test_a_missing_value_is_refused():
    with pytest.raises(ValidationError, match="batch_size"):
        ComputeParameters.model_validate({"backend": "threading", "n_jobs": 2})


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5])
def test_a_number_of_workers_that_means_nothing_is_refused(n_jobs):
    with pytest.raises(ValidationError, match="n_jobs"):
        ComputeParameters.model_validate({"backend": "threading", "n_jobs": n_jobs, "batch_size": 8})


def test_blocks_are_immutable():
    settings = SplitParameters.model_validate(SPLITS)
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "leave something to train on"),
        ({"test_fold": "fold_1"}, "must differ"),
        ({"strategy": "patient"}, "strategy"),
        ({"test_fraction": 0}, "greater than 0"),
    ],
)
def test_impossible_splits_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        SplitParameters.model_validate(SPLITS | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canny_low": 40, "canny_high": 20}, "canny_low must not be above"),
        ({"groups": ["shape", "hu"]}, "no group of features is called hu. Known: shape, texture, intensity, edges"),
        ({"groups": ["shape", "shape"]}, "listed twice"),
        ({"groups": []}, "at least 1"),
    ],
)
def test_impossible_features_are_refused(feature_settings, change, message):
    with pytest.raises(ValidationError, match=message):
        feature_settings(**change)
