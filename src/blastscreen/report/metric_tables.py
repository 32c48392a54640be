"""Words for metrics, and why one of them may be missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blastscreen.report.quantities import NO_INTERVAL, Kind, Quantity, quantity


@dataclass(frozen=True)
class Metric:
    """How a metric is called and rounded, and which classes it needs."""

    words: str
    kind: Kind
    needs: tuple[str, ...] = ("all", "hem")


METRICS = {
    "auroc": Metric("AUROC (how often a blast scores above a normal cell)", "score"),
    "sensitivity": Metric("sensitivity (blasts called blasts)", "rate", ("all",)),
    "specificity": Metric("specificity (normal cells called normal)", "rate", ("hem",)),
    "false_positive_rate": Metric("false positive rate (normal cells called blasts)", "rate", ("hem",)),
    "accuracy": Metric("accuracy (calls that are right)", "rate", ()),
    "balanced_accuracy": Metric("balanced accuracy (mean of sensitivity and specificity)", "rate"),
    "precision_all": Metric("precision of blasts (called blasts that are)", "rate", ("called_all",)),
    "precision_hem": Metric("precision of normal cells (called normal that are)", "rate", ("called_hem",)),
    "f1_all": Metric("F1 score of blasts", "score", ("all",)),
    "f1_weighted": Metric("F1 score, weighted over both classes", "score", ()),
    "brier": Metric("Brier score (squared error of the probability; lower is better)", "score", ()),
}
"""The metrics that are shown, the most telling first."""

_LACKS = {
    "all": "these cells include no blasts",
    "hem": "these cells include no normal ones",
    "called_all": "no cell was called a blast",
    "called_hem": "no cell was called normal",
}


def show_metric(metric: str, metrics: Mapping[str, Any], *, name: str) -> Quantity:
    """Show a metric of one split with its interval.

    Args:
        metric: One of `METRICS`.
        metrics: Those of one model on one split, as `<model>_metrics` holds them.
        name: What precedes the metric's name in dots, such as `rf.test`.
    """
    return quantity(
        metrics.get(metric),
        kind=METRICS[metric].kind,
        name=f"{name}.{metric}",
        interval=metrics.get("intervals", {}).get(metric),
        undefined=explain_undefined(metric, metrics["confusion"]),
        no_interval=NO_INTERVAL,
    )


def explain_undefined(metric: str, confusion: Mapping[str, int]) -> str:
    """Say why a metric has no value on cells with these counts of calls."""
    if not sum(confusion.values()):
        return "there are no cells"
    counts = {
        "all": confusion["true_positives"] + confusion["false_negatives"],
        "hem": confusion["true_negatives"] + confusion["false_positives"],
        "called_all": confusion["true_positives"] + confusion["false_positives"],
        "called_hem": confusion["true_negatives"] + confusion["false_negatives"],
    }
    lacking = [_LACKS[need] for need in METRICS[metric].needs if not counts[need]]
    return "; ".join(lacking) or "it was not computed"
