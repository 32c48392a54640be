"""The cut between blast and normal: chosen on the validation cells, before any test cell is looked at."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.evaluation.promise import bound_error, count_groups_needed
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import POSITIVE_LABEL, CellLabel, OperatingRule, Refusal, Split, mark_blasts

# scores nearer to each other than this are one score: the order in which trees are added up moves the last bits
SAME_SCORE = 1e-9
_READ_BY = {
    OperatingRule.FIXED: ["threshold"],
    OperatingRule.SENSITIVITY: ["min_sensitivity"],
    OperatingRule.COST: ["missed_blast_cost"],
}


def choose_operating_point(predictions: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, Any]:
    """Choose the threshold on the validation cells by the rule of the settings; test cells are not looked at.

    Returns:
        rule; wanted (the settings that the rule reads); threshold, above 0 and below 1; chosen_on ("given" for rule
        fixed); the achieved rates on validation; attainable: whether the validation cells allow the wanted sensitivity;
        promise: for rule sensitivity what new subjects may rely on, else None; and data_source.

    Raises:
        Refusal: A rule other than fixed, and the validation cells lack a class.
    """
    cells = predictions[predictions["split"] == Split.VALIDATION]
    is_blast, probability = mark_blasts(cells["label"]), cells["blast_probability"].to_numpy(dtype=np.float64)
    rule, threshold = settings.operating_rule, choose_threshold(is_blast, probability, settings=settings)
    wanted = {name: getattr(settings, name) for name in _READ_BY.get(rule, [])}
    rates = describe_calls(count_calls(is_blast, probability, threshold=threshold))
    achieved = {name: rates[name] for name in ("sensitivity", "specificity", "false_positive_rate")}
    return {
        "rule": str(rule),
        "wanted": wanted,
        "threshold": threshold,
        "chosen_on": "given" if rule == OperatingRule.FIXED else str(Split.VALIDATION),
        "validation": achieved,
        "attainable": (achieved["sensitivity"] or 0.0) >= wanted.get("min_sensitivity", 0.0),
        "promise": _promise(cells[is_blast], threshold, settings) if rule == OperatingRule.SENSITIVITY else None,
        "data_source": join_sources(predictions),
    }


def _promise(blasts: pd.DataFrame, threshold: float, settings: EvaluationParameters) -> dict[str, Any]:
    """Bound the sensitivity from below.

    That the threshold was chosen on the same cells does no harm: one too high for new subjects is chosen only where
    these happen to be found too often at every threshold below it, too. That holds for rule sensitivity alone.
    """
    groups, level = blasts["subject_group"].to_numpy(dtype=np.str_), settings.confidence_level
    is_missed = (blasts["blast_probability"] < threshold).to_numpy(dtype=np.bool_)
    return {
        "sensitivity": 1 - bound_error(is_missed, groups, confidence_level=level),
        "confidence_level": level,
        "n_groups": len(np.unique(groups)),
        "n_groups_needed": count_groups_needed(1 - settings.min_sensitivity, confidence_level=level),
    }


def choose_threshold(
    is_blast: NDArray[np.bool_], probability: NDArray[np.float64], *, settings: EvaluationParameters
) -> float:
    """Choose a cut of `list_cuts` by the rule of the settings; among equals, the one that finds most blasts.

    - sensitivity: the fewest false alarms among those that find enough blasts, or where none does, most.
    - youden: the largest sensitivity + specificity (Youden, Cancer 3, 1950).
    - cost: a missed blast weighs as much as `missed_blast_cost` false alarms, so that the mix of these cells counts.
    - fixed: the given threshold.
    """
    if settings.operating_rule == OperatingRule.FIXED:
        return settings.threshold
    thresholds, hits, false_alarms = list_cuts(is_blast, probability)
    n_blasts, n_normals = int(is_blast.sum()), int((~is_blast).sum())
    match settings.operating_rule:
        case OperatingRule.SENSITIVITY:
            # ascending thresholds find ever fewer: those that find enough come first
            place = np.maximum(np.sum(hits / n_blasts >= settings.min_sensitivity) - 1, 0)
        case OperatingRule.YOUDEN:
            # the index times both numbers of cells: whole numbers, so that equals are equal
            place = np.argmax(hits * n_normals - false_alarms * n_blasts)
        case OperatingRule.COST:
            place = np.argmin(settings.missed_blast_cost * (n_blasts - hits) + false_alarms)
    return float(thresholds[place])


def list_cuts(
    is_blast: NDArray[np.bool_], probability: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """List one cut between each two neighbouring scores, one below and one above all: thresholds, hits, false alarms.

    Halfway between scores a cut calls the cells the same way after a rounding error, which it would not at a score. A
    score of 0 or 1 leaves no room for an outermost cut.

    Raises:
        Refusal: A class is missing.
    """
    n_blasts = int(is_blast.sum())
    n_normals = len(is_blast) - n_blasts
    if not n_blasts or not n_normals:
        raise Refusal(
            f"no threshold can be chosen: of {len(is_blast)} validation cells {n_blasts} are {POSITIVE_LABEL}, "
            f"{n_normals} {CellLabel.HEM}, and both classes are needed. Change the fractions or the seed of the "
            "splits, or set evaluation.operating_rule=fixed"
        )
    edges = np.concatenate([[0.0], np.sort(probability), [1.0]])
    apart = np.diff(edges) > SAME_SCORE
    thresholds = ((edges[:-1] + edges[1:]) / 2)[apart]
    hits, false_alarms = (
        scores.size - np.searchsorted(np.sort(scores), thresholds)
        for scores in (probability[is_blast], probability[~is_blast])
    )
    return thresholds, hits, false_alarms
