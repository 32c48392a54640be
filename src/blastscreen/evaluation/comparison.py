"""Two models on the same test cells: how much they differ, and whether the subjects bear it out."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar

from blastscreen.evaluation.group_sums import leave_out_of_metric, sum_calls
from blastscreen.evaluation.intervals import difference_interval
from blastscreen.evaluation.rates import METRICS
from blastscreen.vocabulary import POSITIVE_LABEL, Split

CAVEAT = "ignores that cells of one subject are alike"
_ROLES = ["subject_group", "label", "split"]


def compare_models(
    predictions: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float],
    *,
    confidence_level: float,
) -> dict[str, Any]:
    """Compare every two models on the test cells that both have scored, each at its own threshold.

    Args:
        predictions: Per model a table in the schema `PREDICTIONS`.
        thresholds: Per model the cut in use.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        split, and under pairs for each two models: first, second, their versions, n_cells, n_unpaired (test cells that
        only one of them scored), n_subject_groups; the result of `paired_differences` under differences and that of
        `mcnemar_test` under mcnemar; and data_source. Ready for JSON.

    Raises:
        ValueError: Two models were trained on different splits.
    """
    pairs = []
    for first, second in combinations(predictions, 2):
        one, other = predictions[first], predictions[second]
        cells = pair_cells(one, other, names=(first, second))
        cuts = (thresholds[first], thresholds[second])
        n_scored = sum(int((table["split"] == Split.TEST).sum()) for table in (one, other))
        pairs.append(
            {
                "first": first,
                "second": second,
                "versions": {first: version_of(one), second: version_of(other)},
                "n_cells": len(cells),
                "n_unpaired": n_scored - 2 * len(cells),
                "n_subject_groups": int(cells["subject_group"].nunique()),
                "differences": paired_differences(cells, thresholds=cuts, confidence_level=confidence_level),
                "mcnemar": mcnemar_test(cells, thresholds=cuts),
            }
        )
    sources = ", ".join(sorted({source for table in predictions.values() for source in table["data_source"].unique()}))
    return {"split": str(Split.TEST), "pairs": pairs, "data_source": sources}


def version_of(table: pd.DataFrame) -> str:
    """Tell the version that a table was loaded as; "unknown" where it has none."""
    return str(table.attrs.get("version", "unknown"))


def pair_cells(first: pd.DataFrame, second: pd.DataFrame, *, names: tuple[str, str]) -> pd.DataFrame:
    """Put the scores of two models for the same test cells side by side.

    A model may leave out cells that it can't score, such as those whose features can't be measured.

    Args:
        first: Schema `PREDICTIONS`.
        second: The same of the other model.
        names: What the two models are called.

    Returns:
        image_id, subject_group, label, split, first_probability, second_probability; the test cells that both scored.

    Raises:
        ValueError: The tables were made on different splits: a cell has another role, label or subject group in the
            other one, or each has cells that the other lacks.
    """
    columns = ["image_id", *_ROLES, "blast_probability"]
    merged = first[columns].merge(second[columns], on="image_id", how="outer", validate="1:1", indicator=True)
    shared = merged[merged["_merge"] == "both"].drop(columns="_merge")
    one, other = (shared[[f"{role}_{side}" for role in _ROLES]].to_numpy() for side in ("x", "y"))
    n_changed = int((one != other).any(axis=1).sum())
    lacking = [int((merged["_merge"] == side).sum()) for side in ("left_only", "right_only")]
    if n_changed or all(lacking):
        tables = zip(names, (first, second), strict=True)
        told = " and ".join(f"{name}_predictions of version {version_of(table)}" for name, table in tables)
        raise ValueError(
            f"{told} were made on different splits: of {len(shared)} cells in both, {n_changed} have another role, "
            f"label or subject group; {lacking[0]} and {lacking[1]} cells are in one of them only. "
            "Name versions of one split with --load-versions, or run both models again"
        )
    names_of = {f"{role}_x": role for role in _ROLES}
    names_of |= {"blast_probability_x": "first_probability", "blast_probability_y": "second_probability"}
    paired = shared.rename(columns=names_of)[["image_id", *_ROLES, "first_probability", "second_probability"]]
    return paired[paired["split"] == Split.TEST].reset_index(drop=True)


def paired_differences(
    cells: pd.DataFrame,
    *,
    thresholds: tuple[float, float],
    confidence_level: float,
) -> dict[str, dict[str, Any]]:
    """Subtract the metrics of the second model from those of the first, on the same cells.

    Args:
        cells: subject_group, label, first_probability, second_probability.
        thresholds: The cut of each model.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        For each of `METRICS` the values first and second, their difference, and its interval, the result of
        `difference_interval`; None where undefined.
    """
    sums = [
        sum_calls(cells.rename(columns={f"{which}_probability": "blast_probability"}), threshold=threshold)
        for which, threshold in zip(("first", "second"), thresholds, strict=True)
    ]
    differences = {}
    for metric in METRICS:
        one, other = (leave_out_of_metric(of_model, metric) for of_model in sums)
        values = (one.value, other.value, one.value - other.value)
        first, second, difference = (None if np.isnan(value) else value for value in values)
        interval = difference_interval(one, other, confidence_level=confidence_level)
        differences[metric] = {"first": first, "second": second, "difference": difference, "interval": interval}
    return differences


def mcnemar_test(cells: pd.DataFrame, *, thresholds: tuple[float, float]) -> dict[str, Any]:
    """Count on which cells only one of two models is right, and test whether either is so more often.

    Args:
        cells: label, first_probability, second_probability.
        thresholds: The cut of each model.

    Returns:
        both_right, only_first_right, only_second_right, both_wrong; p_value of McNemar's exact test, which takes every
        cell as independent of the others, and a caveat that says so: where cells of one subject are alike, it is far
        too small.

    Source:
        McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
        Psychometrika 12 (1947).
    """
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    first, second = (
        (cells[f"{which}_probability"].to_numpy() >= threshold) == is_blast
        for which, threshold in zip(("first", "second"), thresholds, strict=True)
    )
    counts = [
        [int(np.sum(first & second)), int(np.sum(first & ~second))],
        [int(np.sum(~first & second)), int(np.sum(~first & ~second))],
    ]
    return {
        "both_right": counts[0][0],
        "only_first_right": counts[0][1],
        "only_second_right": counts[1][0],
        "both_wrong": counts[1][1],
        "p_value": float(mcnemar(counts, exact=True).pvalue),
        "caveat": CAVEAT,
    }
