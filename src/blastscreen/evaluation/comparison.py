"""Two models on the same test cells: how much they differ, and how sure that is over subjects."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.intervals import difference_interval, leave_out_of_metric, sum_calls
from blastscreen.evaluation.rates import METRICS
from blastscreen.vocabulary import Split, mark_blasts

CAVEAT = "ignores that cells of one subject are alike"
_ROLES = ["subject_group", "label", "split"]


def compare_models(
    predictions: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float], *, confidence_level: float
) -> dict[str, Any]:
    """Compare every two models on the test cells that both have scored, each at its own threshold.

    Returns:
        split; under pairs for each two models first, second, their versions, n_cells, n_unpaired (test cells that only
        one of them scored), n_subject_groups, differences of `paired_differences`, mcnemar of `mcnemar_test`;
        data_source.
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
    return {"split": str(Split.TEST), "pairs": pairs, "data_source": join_sources(pd.concat(predictions.values()))}


def version_of(value: object, *, unknown: str = "unknown") -> str:
    """Return the version that a table or document was loaded as."""
    return str(getattr(value, "attrs", {}).get("version") or getattr(value, "version", None) or unknown)


def pair_cells(first: pd.DataFrame, second: pd.DataFrame, *, names: tuple[str, str]) -> pd.DataFrame:
    """Put the scores of two models for the same test cells side by side, as first_probability and second_probability.

    Raises:
        ValueError: The tables were made on different splits.
    """
    columns = ["image_id", *_ROLES, "blast_probability"]
    others = second[columns].add_suffix("_other").rename(columns={"image_id_other": "image_id"})
    merged = first[columns].merge(others, on="image_id", how="outer", validate="1:1", indicator=True)
    shared = merged[merged["_merge"] == "both"]
    one, other = (shared[[role + suffix for role in _ROLES]].to_numpy() for suffix in ("", "_other"))
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
    names_of = {"blast_probability": "first_probability", "blast_probability_other": "second_probability"}
    paired = shared.rename(columns=names_of)[["image_id", *_ROLES, *names_of.values()]]
    return paired[paired["split"] == Split.TEST].reset_index(drop=True)


def paired_differences(
    cells: pd.DataFrame, *, thresholds: tuple[float, float], confidence_level: float
) -> dict[str, dict[str, Any]]:
    """Subtract each of `METRICS` of the second model from that of the first, on the same cells; None if undefined."""
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

    The exact test (McNemar, Psychometrika 12, 1947) takes every cell as independent: where cells of one subject are
    alike, p_value is far too small.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    first, second = (
        (cells[f"{which}_probability"].to_numpy() >= threshold) == mark_blasts(cells["label"])
        for which, threshold in zip(("first", "second"), thresholds, strict=True)
    )
    called = (first & second, first & ~second, ~first & second, ~first & ~second)
    counts = [int(np.sum(cells_of)) for cells_of in called]
    names = ("both_right", "only_first_right", "only_second_right", "both_wrong")
    p_value = float(mcnemar(np.reshape(counts, (2, 2)), exact=True).pvalue)
    return dict(zip(names, counts, strict=True)) | {"p_value": p_value, "caveat": CAVEAT}
