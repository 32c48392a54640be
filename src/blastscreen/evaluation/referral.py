"""Which cells a model may decide alone, which go to an expert, and what remains wrong among the decided ones."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.fitness import list_reasons
from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.calibration import calibrate, fit_calibration
from blastscreen.evaluation.intervals import Interval, share_interval
from blastscreen.evaluation.promise import choose_min_confidence, count_groups_needed
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Decision, Split, is_unfit, mark_blasts

CURVE_POINTS = 200


class RiskCoverage(NamedTuple):
    """Cells decided, and wrong among them, at every confidence that occurs, from the highest downwards, shape (m,)."""

    min_confidence: NDArray[np.float64]
    coverage: NDArray[np.float64]
    selective_risk: NDArray[np.float64]


def risk_coverage(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> RiskCoverage:
    """Trace the share of wrong calls among the cells decided alone, as more and more of them are.

    Cells of equal confidence are decided or referred together, cells without one (NaN) never decided alone. A row is a
    confidence that occurs, the highest first (El-Yaniv and Wiener, JMLR 11, 2010).
    """
    is_rated = ~np.isnan(confidence)
    levels, level, n_cells = np.unique(-confidence[is_rated], return_inverse=True, return_counts=True)
    n_wrong = np.bincount(level, weights=~is_right[is_rated], minlength=len(levels))
    n_decided = np.cumsum(n_cells)
    return RiskCoverage(-levels, n_decided / max(len(confidence), 1), np.cumsum(n_wrong) / n_decided)


def area_under(curve: RiskCoverage) -> float | None:
    """Average the selective risk over all coverages (Geifman, Uziel and El-Yaniv, ICLR 2019); None without cells."""
    if len(curve.coverage) == 0:
        return None
    return float(np.sum(np.diff(curve.coverage, prepend=0.0) * curve.selective_risk))


def rate_predictions(
    predictions: pd.DataFrame,
    calibration: dict[str, Any],
    operating_point: dict[str, Any],
    cell_index: pd.DataFrame,
    training_range: dict[str, Any],
) -> pd.DataFrame:
    """Calibrate the scores of a model, and call each cell: see `rate_calls`. Returns a table in `CALIBRATED`."""
    calibrator = fit_calibration(predictions, method=Calibration(calibration["chosen"]))
    probability = calibrate(calibrator, predictions["blast_probability"].to_numpy(dtype=np.float64))
    reasons = list_reasons(cell_index, training_range)
    return rate_calls(predictions, probability, reasons, threshold=operating_point["threshold"])


def rate_calls(
    predictions: pd.DataFrame, probability: NDArray[np.float64], reasons: "pd.Series[str]", *, threshold: float
) -> pd.DataFrame:
    """Call each cell by its score, and give the probability that the call is right.

    The calibrated probability replaces the score; reasons, of `list_reasons`, are by image_id. Confidence is NaN for an
    unfit cell, and below a half where a threshold that finds more blasts accepts such calls.
    """
    codes = predictions["image_id"].map(reasons)
    if n_unknown := int(codes.isna().sum()):
        raise ValueError(f"{n_unknown} of {len(codes)} cells are not in the cell index. Load both from the same run")
    is_called = predictions["blast_probability"] >= threshold
    calibrated = pd.Series(probability, index=predictions.index)
    return predictions.assign(
        blast_probability=calibrated,
        reasons=codes.astype("str"),
        call=is_called.map({True: Decision.BLAST.value, False: Decision.NORMAL.value}).astype("str"),
        confidence=calibrated.where(is_called, 1 - calibrated).mask(is_unfit(codes)),
    )


def triage_cells(calibrated: pd.DataFrame, referral: dict[str, Any]) -> pd.DataFrame:
    """Refer cells without a confidence, or with less than the plan wants, to an expert; add the decision."""
    decided = _decide(calibrated, referral["min_confidence"])
    return calibrated.assign(decision=calibrated["call"].where(decided, Decision.REFER.value))


def plan_referral(calibrated: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, Any]:
    """Choose on validation which cells to refer, and describe what it would have meant on validation and test.

    Returns:
        chosen_on, max_residual_error, confidence_level; min_confidence (None: every cell is referred), attainable and
        trials of `choose_min_confidence`; n_groups with validation cells that have a confidence, and n_groups_needed;
        per split the counts and rates of the plan, and under curve at most 200 points of `risk_coverage`; data_source.
    """
    rated = calibrated.assign(is_right=(calibrated["call"] == Decision.BLAST) == mark_blasts(calibrated["label"]))
    wanted = {"max_residual_error": settings.max_residual_error, "confidence_level": settings.confidence_level}
    validation = rated[rated["split"] == Split.VALIDATION]
    least, trials = choose_min_confidence(validation, **wanted)
    cells = rated.assign(is_decided=_decide(rated, least))
    of_splits = {str(split): cells[cells["split"] == split] for split in EVALUATED_SPLITS}
    return {
        "chosen_on": str(Split.VALIDATION),
        **wanted,
        "min_confidence": least,
        "attainable": least is not None,
        "trials": trials,
        "n_groups": int(validation.loc[validation["confidence"].notna(), "subject_group"].nunique()),
        "n_groups_needed": count_groups_needed(
            wanted["max_residual_error"], confidence_level=settings.confidence_level
        ),
        **{
            split: _count_cells(table)
            | _areas(table)
            | {"intervals": _intervals(table, least, settings.confidence_level)}
            for split, table in of_splits.items()
        },
        "curve": {split: _thin(_trace(table)) for split, table in of_splits.items()},
        "data_source": join_sources(calibrated),
    }


def _trace(cells: pd.DataFrame) -> RiskCoverage:
    return risk_coverage(cells["confidence"].to_numpy(dtype=np.float64), cells["is_right"].to_numpy(dtype=np.bool_))


def _decide(rated: pd.DataFrame, min_confidence: float | None) -> "pd.Series[bool]":
    return rated["confidence"] >= (np.inf if min_confidence is None else min_confidence)


def _count_cells(cells: pd.DataFrame) -> dict[str, Any]:
    wrong, decided, has_blast = ~cells["is_right"], cells["is_decided"], mark_blasts(cells["label"])
    referred_shares = (~decided).groupby(cells["subject_id"]).mean()
    n_cells, n_decided = len(cells), int(decided.sum())
    return {
        "n_cells": n_cells,
        "n_decided": n_decided,
        "n_referred": n_cells - n_decided,
        "coverage": n_decided / n_cells if n_cells else None,
        "selective_risk": float(wrong[decided].mean()) if n_decided else None,
        "risk_without_referral": float(wrong.mean()) if n_cells else None,
        "missed_blasts_without": int((wrong & has_blast).sum()),
        "missed_blasts_with": int((wrong & has_blast & decided).sum()),
        "false_alarms_without": int((wrong & ~has_blast).sum()),
        "false_alarms_with": int((wrong & ~has_blast & decided).sum()),
        "n_subjects": len(referred_shares),
        "n_subjects_with_referral": int((referred_shares > 0).sum()),
        "n_subjects_all_referred": int((referred_shares == 1).sum()),
    }


def _areas(cells: pd.DataFrame) -> dict[str, float | None]:
    cells = cells[cells["confidence"].notna()]
    n_cells, n_wrong = len(cells), int((~cells["is_right"]).sum())
    place = np.arange(n_cells, dtype=np.float64)
    return {
        "aurc": area_under(_trace(cells)),
        "aurc_oracle": area_under(risk_coverage(-place, place < n_cells - n_wrong)),
        "aurc_random": n_wrong / n_cells if n_cells else None,
    }


def _intervals(cells: pd.DataFrame, min_confidence: float | None, level: float) -> dict[str, Interval | None]:
    decided, wrong = cells["is_decided"].to_numpy(dtype=np.bool_), ~cells["is_right"].to_numpy(dtype=np.bool_)
    coverage = share_interval(cells, decided, np.ones_like(decided), confidence_level=level)
    return {
        # to refer all cells, or none, is a rule: other subjects would not change it
        "coverage": coverage if min_confidence else None,
        "selective_risk": share_interval(cells, decided & wrong, decided, confidence_level=level),
    }


def _thin(curve: RiskCoverage) -> list[dict[str, float]]:
    """List the points of a curve, or where there are too many those at even coverages, the last always."""
    places = np.unique(np.searchsorted(curve.coverage, np.linspace(0, curve.coverage.max(initial=0), CURVE_POINTS)))
    kept = pd.DataFrame(curve._asdict()).iloc[places[places < len(curve.coverage)]]
    return [dict(row) for _, row in kept[["coverage", "selective_risk", "min_confidence"]].iterrows()]
