"""Scores turned into probabilities, fitted on the validation cells, and how far either can be believed."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.intervals import share_interval
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, CellLabel, Refusal, Split, mark_blasts

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

N_BINS = 10
N_FOLDS = 5
# half a vote of 100 trees
LARGEST_MARGIN = 0.005
# what a 32-bit network can tell from 1
SMALLEST_DISTANCE = float(np.finfo(np.float32).eps)


class Calibrator(NamedTuple):
    """Fitted by `fit_calibration`: scores nearer than margin to 0 or 1 are moved to it before their odds are taken."""

    margin: float
    fitted: "CalibratedClassifierCV"


def fit_calibration(predictions: pd.DataFrame, *, method: Calibration) -> Calibrator | None:
    """Fit on the validation cells what turns a model's scores into probabilities: None for method none.

    All methods start from the log odds of the score, so that a score which is a probability already can stay as it is.
    Sigmoid (Platt, 1999) fits slope and offset, temperature (Guo et al., ICML 2017) the slope only, isotonic (Zadrozny
    and Elkan, KDD 2002) any steps upwards: cells between two steps tie. All are monotone. Where blasts do not have the
    higher log odds on average, every cell gets the same probability.

    Raises:
        Refusal: The validation cells lack a class that the method needs.
    """
    if method == Calibration.NONE:
        return None
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    cells = predictions[predictions["split"] == Split.VALIDATION]
    is_blast, score = mark_blasts(cells["label"]), cells["blast_probability"].to_numpy(dtype=np.float64)
    if not is_blast.any() or is_blast.all():
        raise Refusal(
            f"scores can't be calibrated: of {len(is_blast)} validation cells {is_blast.sum()} are blasts, and both "
            "classes are needed. Give splits.validation_fraction more cells, or take another seed"
        )
    # a model whose decision function is the log odds themselves
    as_they_are = LogisticRegression()
    as_they_are.classes_, as_they_are.coef_, as_they_are.intercept_ = np.array([False, True]), np.ones((1, 1)), 0.0
    # the score as it stands gives the fit; there is nothing to train, hence nothing to hold out
    everything = [(np.arange(len(score)), np.arange(len(score)))]
    calibrated = CalibratedClassifierCV(FrozenEstimator(as_they_are), method=str(method), cv=everything, ensemble=True)
    margin = _choose_margin(score, is_blast)
    return Calibrator(margin, calibrated.fit(_log_odds(score, margin)[:, np.newaxis], is_blast))


def calibrate(calibrator: Calibrator | None, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores into calibrated probabilities, both 0 to 1 and of shape (n,); without a calibrator they stay."""
    if calibrator is None or len(score) == 0:
        return score.copy()
    blast_column = list(calibrator.fitted.classes_).index(True)
    odds = _log_odds(score, calibrator.margin)[:, np.newaxis]
    probabilities: NDArray[np.float64] = calibrator.fitted.predict_proba(odds)[:, blast_column]
    return probabilities


def calibrate_predictions(predictions: pd.DataFrame, *, method: Calibration) -> pd.DataFrame:
    """Replace the scores of every cell by probabilities that were calibrated on the validation cells."""
    calibrator = fit_calibration(predictions, method=method)
    score = predictions["blast_probability"].to_numpy(dtype=np.float64)
    return predictions.assign(blast_probability=calibrate(calibrator, score))


def choose_calibration(
    predictions: pd.DataFrame, *, wanted: Calibration
) -> tuple[Calibration, dict[str, float | None]]:
    """Choose the wanted method, or none where `hold_out_brier` is higher with it or undefined; with both scores."""
    held_out = {str(method): hold_out_brier(predictions, method=method) for method in (Calibration.NONE, wanted)}
    before, after = held_out[Calibration.NONE], held_out[wanted]
    helps = before is not None and after is not None and after <= before
    return wanted if helps else Calibration.NONE, held_out


def hold_out_brier(predictions: pd.DataFrame, *, method: Calibration) -> float | None:
    """Compute the Brier score of validation cells whose subject groups, in five folds, a calibration was not fitted to.

    None where a class has fewer than two groups, so that none can be held out.
    """
    from sklearn.metrics import brier_score_loss

    cells = predictions[predictions["split"] == Split.VALIDATION]
    # every class has groups in two folds or more, so that neither is missing from what a fold is calibrated by
    place = cells.groupby("label")["subject_group"].rank("dense")
    if cells["label"].nunique() < len(CellLabel) or place.groupby(cells["label"]).max().min() < 2:
        return None
    fold = (place % N_FOLDS).to_numpy()
    score = cells["blast_probability"].to_numpy(dtype=np.float64)
    probability = score.copy()
    for number in np.unique(fold) if method != Calibration.NONE else ():
        left_out = fold == number
        probability[left_out] = calibrate(fit_calibration(cells[~left_out], method=method), score[left_out])
    return float(brier_score_loss(mark_blasts(cells["label"]), probability))


def describe_calibration(predictions: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, Any]:
    """Decide whether to calibrate, and measure how well scores, and what each method makes of them, fit the outcome.

    Validation cells were fitted to, so their values after calibration are too good, those of isotonic most.

    Returns:
        fitted_on; wanted; chosen and held_out_brier of `choose_calibration`; under methods, per method and split, brier
        and log_loss (one cell scored 0 or 1 and wrong adds 36) and ece, the `calibration_error`, None each without
        cells; under bins, for "none" and the method in use, per split the result of `bin_probabilities`; and
        data_source.
    """
    tables = {str(method): calibrate_predictions(predictions, method=method) for method in Calibration}
    chosen, held_out = choose_calibration(predictions, wanted=settings.calibration)
    bins = partial(bin_probabilities, confidence_level=settings.confidence_level)
    return {
        "fitted_on": str(Split.VALIDATION),
        "wanted": str(settings.calibration),
        "chosen": str(chosen),
        "held_out_brier": held_out,
        "methods": {method: _per_split(table, _rate) for method, table in tables.items()},
        "bins": {method: _per_split(tables[method], bins) for method in (str(Calibration.NONE), str(chosen))},
        "data_source": join_sources(predictions),
    }


def _per_split(cells: pd.DataFrame, describe: Callable[[pd.DataFrame], Any]) -> dict[str, Any]:
    return {str(split): describe(cells[cells["split"] == split]) for split in EVALUATED_SPLITS}


def _rate(cells: pd.DataFrame) -> dict[str, float | None]:
    from sklearn.metrics import brier_score_loss, log_loss

    is_blast, probability = mark_blasts(cells["label"]), cells["blast_probability"].to_numpy(dtype=np.float64)
    if len(probability) == 0:
        return {"brier": None, "log_loss": None, "ece": None}
    return {
        "brier": float(brier_score_loss(is_blast, probability)),
        "log_loss": float(log_loss(is_blast, probability, labels=[False, True])),
        "ece": calibration_error(is_blast, probability),
    }


def _log_odds(score: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    from scipy.special import logit

    odds: NDArray[np.float64] = logit(np.clip(score, margin, 1 - margin))
    return odds


def _choose_margin(score: NDArray[np.float64], is_blast: NDArray[np.bool_]) -> float:
    distance = np.minimum(score, 1 - score)
    margin = min(distance[distance > SMALLEST_DISTANCE].min(initial=1.0) / 2, LARGEST_MARGIN)
    odds = _log_odds(score, margin)
    return float(margin) if odds[is_blast].mean() > odds[~is_blast].mean() else 0.5


def bin_probabilities(cells: pd.DataFrame, *, confidence_level: float) -> list[dict[str, Any]]:
    """Compare the mean probability of each bin of `assign_bins` with its share of blasts; one group has no interval."""
    is_blast, probability = mark_blasts(cells["label"]), cells["blast_probability"].to_numpy(dtype=np.float64)
    number = assign_bins(probability)
    return [
        {
            "low": float(probability[inside].min()),
            "high": float(probability[inside].max()),
            "mean_probability": float(probability[inside].mean()),
            "blast_fraction": float(is_blast[inside].mean()),
            "n_cells": int(inside.sum()),
            "n_groups": int(cells["subject_group"][inside].nunique()),
            "interval": share_interval(cells, is_blast & inside, inside, confidence_level=confidence_level),
        }
        for inside in (number == occurring for occurring in np.unique(number))
    ]


def calibration_error(is_blast: NDArray[np.bool_], probability: NDArray[np.float64]) -> float | None:
    """Compute the expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015), 0 to 1; None without cells.

    Chance alone makes it larger than 0, the more so the fewer cells there are.
    """
    if len(probability) == 0:
        return None
    cells = pd.DataFrame({"bin": assign_bins(probability), "surplus": probability - is_blast})
    return float(cells.groupby("bin")["surplus"].sum().abs().sum() / len(cells))


def assign_bins(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number ten bins of equally many cells, equal probabilities in one, from the lowest probability upwards.

    Example:
        >>> assign_bins(np.array([0.1, 0.1, 0.1, 0.1, 0.9]))
        array([4, 4, 4, 4, 9])
    """
    middle_rank = pd.Series(probability).rank().to_numpy() - 0.5
    numbers: NDArray[np.int64] = (N_BINS * middle_rank / max(len(probability), 1)).astype(np.int64)
    return numbers
