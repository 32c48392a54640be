"""Which cells a model may decide alone, which go to an expert, and what remains wrong among the decided ones."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from blastscreen.cohort.fitness import list_reasons
from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.calibration import calibrate, fit_calibration
from blastscreen.evaluation.intervals import Interval, share_interval
from blastscreen.evaluation.promise import choose_min_confidence, count_groups_needed
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Decision, Split, is_unfit, mark_blasts

CURVE_POINTS = 200


def risk_coverage(confidence: ArrayLike, is_right: ArrayLike) -> pd.DataFrame:
    """Trace the share of wrong calls among the cells decided alone, as more and more of them are.

    Cells of equal confidence are decided or referred together, cells without one (NaN) never decided alone. A row is a
    confidence that occurs, the highest first (El-Yaniv and Wiener, JMLR 11, 2010).
    """
    cells = pd.DataFrame({"min_confidence": confidence, "is_wrong": ~np.asarray(is_right, dtype=np.bool_)})
    levels = cells.groupby("min_confidence", sort=True)["is_wrong"].agg(["size", "sum"])[::-1].cumsum()
    rates = {"coverage": levels["size"] / max(len(cells), 1), "selective_risk": levels["sum"] / levels["size"]}
    return pd.DataFrame(rates).reset_index()


def area_under(curve: pd.DataFrame) -> float | None:
    """Average the selective risk over all coverages (Geifman, Uziel and El-Yaniv, ICLR 2019); None without cells."""
    steps = np.diff(curve["coverage"], prepend=0.0)
    return None if curve.empty else float(np.sum(steps * curve["selective_risk"]))


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
    level = settings.confidence_level
    wanted = {"max_residual_error": settings.max_residual_error, "confidence_level": level}
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
        "n_groups_needed": count_groups_needed(settings.max_residual_error, confidence_level=level),
        **{
            split: _count_cells(table) | _areas(table) | {"intervals": _intervals(table, least, level)}
            for split, table in of_splits.items()
        },
        "curve": {split: _thin(table) for split, table in of_splits.items()},
        "data_source": join_sources(calibrated),
    }


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
        "aurc": area_under(risk_coverage(cells["confidence"], cells["is_right"])),
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


def _thin(cells: pd.DataFrame) -> list[dict[Any, float]]:
    """List the points of the curve, or where there are too many those at even coverages, the last always."""
    curve = risk_coverage(cells["confidence"], cells["is_right"])
    coverage = curve["coverage"].to_numpy()
    places = np.unique(np.searchsorted(coverage, np.linspace(0, coverage.max(initial=0), CURVE_POINTS)))
    kept = curve.iloc[places[places < len(curve)]]
    return kept[["coverage", "selective_risk", "min_confidence"]].to_dict("records")
