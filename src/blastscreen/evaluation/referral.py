"""Which cells a model may decide alone, which go to an expert, and what remains wrong among the decided ones."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.intervals import Interval
from blastscreen.evaluation.promise import choose_min_confidence, count_groups_needed
from blastscreen.evaluation.shares import share_interval
from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, Decision, Split, is_unfit

CURVE_POINTS = 200


class RiskCoverage(NamedTuple):
    """What is decided and what is wrong at every confidence that can be asked for, from the highest downwards.

    Cells of equal confidence are decided or referred together, so there is one point per confidence that occurs. Each
    is an array of shape (m,); coverage rises to the share of the cells that have a confidence.
    """

    min_confidence: NDArray[np.float64]
    coverage: NDArray[np.float64]
    selective_risk: NDArray[np.float64]


def risk_coverage(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> RiskCoverage:
    """Trace the share of wrong calls among the cells decided alone, as more and more of them are.

    Args:
        confidence: 0 to 1, shape (n,); NaN for a cell that is never decided alone.
        is_right: Whether the call of each cell is right, shape (n,).

    Returns:
        Empty arrays without cells.

    Example:
        >>> curve = risk_coverage(np.array([0.9, 0.6, 0.6, 0.5]), np.array([True, True, False, True]))
        >>> curve.coverage, curve.selective_risk
        (array([0.25, 0.75, 1.  ]), array([0.        , 0.33333333, 0.25      ]))

    Source:
        El-Yaniv and Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010).
    """
    is_rated = ~np.isnan(confidence)
    levels, level, n_cells = np.unique(-confidence[is_rated], return_inverse=True, return_counts=True)
    n_wrong = np.bincount(level, weights=~is_right[is_rated], minlength=len(levels))
    n_decided = np.cumsum(n_cells)
    return RiskCoverage(-levels, n_decided / max(len(confidence), 1), np.cumsum(n_wrong) / n_decided)


def area_under(curve: RiskCoverage) -> float | None:
    """Average the selective risk over all coverages; None without cells.

    A coverage that would part cells of equal confidence counts with all of them, because they can't be parted.

    Source:
        Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR (2019).
    """
    if len(curve.coverage) == 0:
        return None
    return float(np.sum(np.diff(curve.coverage, prepend=0.0) * curve.selective_risk))


def rate_calls(
    predictions: pd.DataFrame, calibrated: pd.DataFrame, reasons: "pd.Series[str]", *, threshold: float
) -> pd.DataFrame:
    """Call each cell by its score, and give the calibrated probability that the call is right.

    Args:
        predictions: Schema `PREDICTIONS`, scores of the model.
        calibrated: Schema `PREDICTIONS`, calibrated probabilities of the same cells.
        reasons: By image_id the codes of at least these cells, result of `list_reasons`.
        threshold: A score at or above this is called a blast.

    Returns:
        The calibrated table in its own order, with reasons, call (a `Decision`, never refer) and confidence, 0 to 1, or
        NaN for an unfit cell, of which nothing is known. A cell may be called a blast with a confidence below a half: a
        threshold that finds more blasts accepts such calls.

    Raises:
        ValueError: The tables do not speak of the same cells, or a cell has no reasons.
    """
    key = ["image_id", "subject_group", "label", "split"]
    scores = predictions[[*key, "blast_probability"]].rename(columns={"blast_probability": "score"})
    table = calibrated.merge(scores, on=key, how="left", validate="1:1")
    n_unscored = int(table["score"].isna().sum())
    if n_unscored or len(scores) != len(table):
        raise ValueError(
            f"scores of {len(scores)} cells and calibrated probabilities of {len(table)} are not of the same cells: "
            f"{n_unscored} of the latter have no score with the same label and split. Load both from the same run"
        )
    is_called = table.pop("score") >= threshold
    codes = find_reasons(table, reasons)
    probability = table["blast_probability"]
    confidence = probability.where(is_called, 1 - probability).mask(is_unfit(codes))
    return table.assign(
        reasons=codes,
        call=is_called.map({True: Decision.BLAST.value, False: Decision.NORMAL.value}).astype("str"),
        confidence=confidence,
    )


def find_reasons(cells: pd.DataFrame, reasons: "pd.Series[str]") -> "pd.Series[str]":
    """Look up the codes of each cell.

    Args:
        cells: Any table with image_id.
        reasons: By image_id the codes of at least these cells, "" for none.

    Raises:
        ValueError: A cell has no entry.
    """
    codes = cells["image_id"].map(reasons)
    n_unknown = int(codes.isna().sum())
    if n_unknown:
        raise ValueError(f"{n_unknown} of {len(cells)} cells are not in the cell index. Load both from the same run")
    return codes.astype("str")


def triage_cells(
    predictions: pd.DataFrame,
    calibrated: pd.DataFrame,
    reasons: "pd.Series[str]",
    *,
    threshold: float,
    min_confidence: float | None,
) -> pd.DataFrame:
    """Decide for each cell between its call and an expert.

    Args:
        predictions: As in `rate_calls`, like calibrated, reasons and threshold.
        calibrated: See there.
        reasons: See there.
        threshold: See there.
        min_confidence: Cells less sure than this are referred, as are unfit ones always; None refers all.

    Returns:
        Schema `TRIAGE`, in the order of the calibrated table.

    Raises:
        ValueError: The tables do not speak of the same cells.
    """
    rated = rate_calls(predictions, calibrated, reasons, threshold=threshold)
    return rated.assign(decision=rated["call"].where(_decide(rated, min_confidence), Decision.REFER.value))


def plan_referral(
    predictions: pd.DataFrame,
    calibrated: pd.DataFrame,
    reasons: "pd.Series[str]",
    *,
    threshold: float,
    max_residual_error: float,
    confidence_level: float,
) -> dict[str, Any]:
    """Choose on validation which cells to refer, and say what it would have meant on validation and test.

    Args:
        predictions: As in `rate_calls`, like calibrated, reasons and threshold.
        calibrated: See there.
        reasons: See there.
        threshold: See there.
        max_residual_error: Wanted share of wrong calls among the cells decided alone, 0 to 1.
        confidence_level: Of the promise and the intervals, 0 to 1.

    Returns:
        chosen_on, max_residual_error, confidence_level, min_confidence, attainable, and trials of
        `choose_min_confidence`; n_groups with validation cells that have a confidence, and n_groups_needed; per split
        the counts and rates of the plan, and under curve per split at most 200 points of `risk_coverage` from the
        highest confidence downwards. When no confidence is enough, attainable is False, min_confidence None, and every
        cell is referred. A rate that has nothing to be a share of is None. Plain numbers and None, ready for JSON.

    Raises:
        ValueError: The tables do not speak of the same cells.
    """
    rated = rate_calls(predictions, calibrated, reasons, threshold=threshold)
    rated = rated.assign(is_right=(rated["call"] == Decision.BLAST) == (rated["label"] == POSITIVE_LABEL))
    cells = {split: rated[rated["split"] == split] for split in EVALUATED_SPLITS}
    curves = {split: _trace(cells[split]) for split in EVALUATED_SPLITS}
    wanted = {"max_residual_error": max_residual_error, "confidence_level": confidence_level}
    validation = cells[Split.VALIDATION]
    min_confidence, trials = choose_min_confidence(validation, **wanted)
    planned = {split: cells[split].assign(is_decided=_decide(cells[split], min_confidence)) for split in cells}
    return {
        "chosen_on": str(Split.VALIDATION),
        **wanted,
        "min_confidence": min_confidence,
        "attainable": min_confidence is not None,
        "trials": trials,
        "n_groups": int(validation.loc[validation["confidence"].notna(), "subject_group"].nunique()),
        "n_groups_needed": count_groups_needed(max_residual_error, confidence_level=confidence_level),
        **{
            str(split): _count_cells(table) | _areas(table) | _intervals(table, min_confidence, confidence_level)
            for split, table in planned.items()
        },
        "curve": {str(split): _thin(curves[split]) for split in EVALUATED_SPLITS},
    }


def _trace(cells: pd.DataFrame) -> RiskCoverage:
    return risk_coverage(cells["confidence"].to_numpy(dtype=np.float64), cells["is_right"].to_numpy(dtype=np.bool_))


def _decide(rated: pd.DataFrame, min_confidence: float | None) -> pd.Series:
    return rated["confidence"] >= (np.inf if min_confidence is None else min_confidence)


def _count_cells(cells: pd.DataFrame) -> dict[str, Any]:
    """Count what the plan does to the cells of a split: cells with is_right and is_decided."""
    wrong, decided = ~cells["is_right"], cells["is_decided"]
    has_blast = cells["label"] == POSITIVE_LABEL
    referred_shares = (~decided).groupby(cells["subject_id"]).mean()
    n_cells, n_decided = len(cells), int(decided.sum())
    return {
        "n_cells": n_cells,
        "n_decided": n_decided,
        "n_referred": n_cells - n_decided,
        "coverage": n_decided / n_cells if n_cells else None,
        "selective_risk": int((wrong & decided).sum()) / n_decided if n_decided else None,
        "risk_without_referral": int(wrong.sum()) / n_cells if n_cells else None,
        "missed_blasts_without": int((wrong & has_blast).sum()),
        "missed_blasts_with": int((wrong & has_blast & decided).sum()),
        "false_alarms_without": int((wrong & ~has_blast).sum()),
        "false_alarms_with": int((wrong & ~has_blast & decided).sum()),
        "n_subjects": len(referred_shares),
        "n_subjects_with_referral": int((referred_shares > 0).sum()),
        "n_subjects_all_referred": int((referred_shares == 1).sum()),
    }


def _areas(cells: pd.DataFrame) -> dict[str, float | None]:
    """Give the area under the curve beside that of a confidence which knows the wrong calls, and of one by chance."""
    cells = cells[cells["confidence"].notna()]
    n_cells, n_wrong = len(cells), int((~cells["is_right"]).sum())
    place = np.arange(n_cells, dtype=np.float64)
    return {
        "aurc": area_under(_trace(cells)),
        "aurc_oracle": area_under(risk_coverage(-place, place < n_cells - n_wrong)),
        "aurc_random": n_wrong / n_cells if n_cells else None,
    }


def _intervals(
    cells: pd.DataFrame, min_confidence: float | None, level: float
) -> dict[str, dict[str, Interval | None]]:
    decided, wrong = cells["is_decided"].to_numpy(dtype=np.bool_), ~cells["is_right"].to_numpy(dtype=np.bool_)
    coverage = share_interval(cells, decided, np.ones_like(decided), confidence_level=level)
    return {
        "intervals": {
            # to refer all cells, or none, is a rule: other subjects would not change it
            "coverage": coverage if min_confidence else None,
            "selective_risk": share_interval(cells, decided & wrong, decided, confidence_level=level),
        }
    }


def _thin(curve: RiskCoverage) -> list[dict[str, float]]:
    """List the points of a curve, or where there are too many those at even coverages, the last always."""
    places = np.unique(np.searchsorted(curve.coverage, np.linspace(0, curve.coverage.max(initial=0), CURVE_POINTS)))
    kept = RiskCoverage(*(values[places[places < len(curve.coverage)]].tolist() for values in curve))
    return [
        {"coverage": coverage, "selective_risk": risk, "min_confidence": confidence}
        for confidence, coverage, risk in zip(*kept, strict=True)
    ]
