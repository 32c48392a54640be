"""Scores turned into probabilities, fitted on the validation cells, and how far either can be believed."""

from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, log_loss

from blastscreen.evaluation.reliability import bin_probabilities, calibration_error, to_arrays
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, CellLabel, Refusal, Split

Calibrator: TypeAlias = CalibratedClassifierCV | None
"""Fitted by `fit_calibration`, used by `calibrate`; None leaves scores as they are."""

N_FOLDS = 5
# half a vote of 100 trees
LARGEST_MARGIN = 0.005
# what a 32-bit network can tell from 1
SMALLEST_DISTANCE = float(np.finfo(np.float32).eps)


class StoredScores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that was fitted elsewhere: it decides by the log odds of the scores that it is given.

    Args:
        margin: Scores nearer than this to 0 or 1 are moved to it, up to 0.5; certainty has no finite odds.
    """

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.classes_ = np.array([False, True])

    def fit(self, scores: NDArray[np.float64], is_blast: NDArray[np.bool_]) -> Self:  # noqa: ARG002
        """Learn nothing."""
        return self

    def decision_function(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log odds of scores of shape (n, 1)."""
        odds: NDArray[np.float64] = logit(np.clip(scores[:, 0], self.margin, 1 - self.margin))
        return odds

    def predict(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Call what has even odds or better a blast; scikit-learn wants every classifier to have an answer."""
        return self.decision_function(scores) >= 0


def fit_calibration(predictions: pd.DataFrame, *, method: Calibration) -> Calibrator:
    """Fit on the validation cells what turns a model's scores into probabilities.

    All methods start from the log odds of the score, so that a score which is a probability already can stay as it is.
    A score of 0 or 1 is moved by half the smallest distance that any other score keeps from there, 0.005 at most: half
    a vote of a forest of 100 trees. All are monotone: a cell with the higher score never gets the lower probability.
    Where blasts do not have the higher log odds on average, the score is no help, and every cell gets the same
    probability.

    Args:
        predictions: label, split, blast_probability.
        method: sigmoid (slope and offset), temperature (slope only), isotonic (any steps upwards; cells between two
            steps tie, and it takes many cells not to follow chance), or none.

    Raises:
        Refusal: The validation cells lack a class that the method needs.

    Source:
        Platt, "Probabilistic outputs for support vector machines" (1999); Zadrozny and Elkan, "Transforming classifier
        scores into accurate multiclass probability estimates", KDD (2002); Guo et al., "On calibration of modern neural
        networks", ICML (2017).
    """
    if method == Calibration.NONE:
        return None
    is_blast, score = to_arrays(_cells(predictions, Split.VALIDATION))
    if not is_blast.any() or is_blast.all():
        raise Refusal(
            f"scores can't be calibrated: of {len(is_blast)} validation cells {is_blast.sum()} are blasts, and both "
            "classes are needed. Give splits.validation_fraction more cells, or take another seed"
        )
    # the score as it stands gives the fit; there is nothing to train, hence nothing to hold out
    everything = np.arange(len(score))
    calibrator = CalibratedClassifierCV(
        FrozenEstimator(StoredScores(_choose_margin(score, is_blast))),
        method=str(method),
        cv=[(everything, everything)],
        ensemble=True,
    )
    return calibrator.fit(score[:, np.newaxis], is_blast)


def calibrate(calibrator: Calibrator, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores into calibrated probabilities, both 0 to 1 and of shape (n,)."""
    if calibrator is None or len(score) == 0:
        return score.copy()
    blast_column = list(calibrator.classes_).index(True)
    probabilities: NDArray[np.float64] = calibrator.predict_proba(score[:, np.newaxis])[:, blast_column]
    return probabilities


def calibrate_predictions(predictions: pd.DataFrame, *, method: Calibration) -> pd.DataFrame:
    """Replace the scores of every cell by probabilities that were calibrated on the validation cells.

    Args:
        predictions: Schema `PREDICTIONS`.
        method: See `fit_calibration`.

    Returns:
        The same table with calibrated `blast_probability`; its validation cells look better than new ones would,
        because they were fitted to.

    Raises:
        Refusal: The validation cells lack a class that the method needs.
    """
    calibrator = fit_calibration(predictions, method=method)
    score = predictions["blast_probability"].to_numpy(dtype=np.float64)
    return predictions.assign(blast_probability=calibrate(calibrator, score))


def choose_calibration(
    predictions: pd.DataFrame, *, wanted: Calibration
) -> tuple[Calibration, dict[str, float | None]]:
    """Decide whether to calibrate: only where that describes subjects better to whom it was not fitted.

    Args:
        predictions: subject_group, label, split, blast_probability.
        wanted: The method to use if it is any good.

    Returns:
        The wanted method, or none where `hold_out_brier` is higher with it than without or can't be told; and these
        scores by method.
    """
    held_out = {str(method): hold_out_brier(predictions, method=method) for method in (Calibration.NONE, wanted)}
    before, after = held_out[Calibration.NONE], held_out[wanted]
    helps = before is not None and after is not None and after <= before
    return wanted if helps else Calibration.NONE, held_out


def hold_out_brier(predictions: pd.DataFrame, *, method: Calibration) -> float | None:
    """Compute the Brier score of validation cells whose subject groups a calibration was not fitted to.

    The groups of each class are dealt to at most five folds, in the order of their names; each fold is calibrated by
    the others.

    Args:
        predictions: subject_group, label, split, blast_probability.
        method: See `fit_calibration`.

    Returns:
        The mean over the cells; None where a class has fewer than two groups, so that none can be held out.
    """
    cells = _cells(predictions, Split.VALIDATION)
    # every class has groups in two folds or more, so that neither is missing from what a fold is calibrated by
    place = cells.groupby("label")["subject_group"].rank("dense")
    if cells["label"].nunique() < len(CellLabel) or place.groupby(cells["label"]).max().min() < 2:
        return None
    fold = (place % N_FOLDS).to_numpy()
    is_blast, score = to_arrays(cells)
    probability = score.copy()
    for number in np.unique(fold) if method != Calibration.NONE else ():
        left_out = fold == number
        probability[left_out] = calibrate(fit_calibration(cells[~left_out], method=method), score[left_out])
    return float(brier_score_loss(is_blast, probability))


def describe_calibration(predictions: pd.DataFrame, *, wanted: Calibration, confidence_level: float) -> dict[str, Any]:
    """Decide whether to calibrate, and measure how far the scores, and what each method makes of them, can be believed.

    Args:
        predictions: subject_group, label, split, blast_probability.
        wanted: The method to use where subjects that it was not fitted to are better described by it than by scores.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        fitted_on; wanted; chosen, the method in use, and held_out_brier, both of `choose_calibration`; under methods,
        per method ("none": the scores as they are) and split, brier and log_loss (both the mean over the cells; one
        that is scored 0 or 1 and wrong has a log loss of 36, not an infinite one) and ece, the `calibration_error`;
        None each without cells; under bins, for "none" and the method in use, per split the result of
        `bin_probabilities`. Plain numbers and None, ready for JSON. The validation cells were fitted to, so what is
        said of them after calibration is too good; isotonic flatters them most.

    Raises:
        Refusal: The validation cells lack a class.

    Source:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
    """
    tables = {str(method): calibrate_predictions(predictions, method=method) for method in Calibration}
    chosen, held_out = choose_calibration(predictions, wanted=wanted)
    return {
        "fitted_on": str(Split.VALIDATION),
        "wanted": str(wanted),
        "chosen": str(chosen),
        "held_out_brier": held_out,
        "methods": {
            method: {str(split): _rate(*to_arrays(_cells(table, split))) for split in EVALUATED_SPLITS}
            for method, table in tables.items()
        },
        "bins": {
            method: {
                str(split): bin_probabilities(_cells(tables[method], split), confidence_level=confidence_level)
                for split in EVALUATED_SPLITS
            }
            for method in (str(Calibration.NONE), str(chosen))
        },
    }


def _rate(is_blast: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, float | None]:
    if len(probability) == 0:
        return {"brier": None, "log_loss": None, "ece": None}
    return {
        "brier": float(brier_score_loss(is_blast, probability)),
        "log_loss": float(log_loss(is_blast, probability, labels=[False, True])),
        "ece": calibration_error(is_blast, probability),
    }


def _choose_margin(score: NDArray[np.float64], is_blast: NDArray[np.bool_]) -> float:
    distance = np.minimum(score, 1 - score)
    margin = min(distance[distance > SMALLEST_DISTANCE].min(initial=1.0) / 2, LARGEST_MARGIN)
    odds = logit(np.clip(score, margin, 1 - margin))
    return float(margin) if odds[is_blast].mean() > odds[~is_blast].mean() else 0.5


def _cells(predictions: pd.DataFrame, split: Split) -> pd.DataFrame:
    return predictions[predictions["split"] == split]
