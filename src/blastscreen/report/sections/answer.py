"""The answer in plain words: what was compared, on whom, which did better, and whether that can be told apart."""

from collections.abc import Mapping
from typing import Any

from blastscreen.report.results import ModelResults, Results
from blastscreen.report.sections.performance import show_metrics, tabulate_metrics
from blastscreen.report.shown import METRICS, Numbers, is_defined, show, spell
from blastscreen.vocabulary import CellLabel, Split

GUESSING = 0.5
"""AUROC of a model that knows nothing."""

_COUNTS: Numbers = {"n_cells": ("cells", "count"), "n_subjects": ("subjects", "count")}
_SHOWN = ("auroc", "sensitivity", "specificity", "balanced_accuracy", "accuracy")

_CALLED: Numbers = {metric: METRICS[metric] for metric in ("sensitivity", "false_positive_rate")}


def describe_answer(results: Results) -> dict[str, Any]:
    """Put the result in a few sentences and one table.

    Returns:
        verdict (a sentence per pair), setting (who was compared on what), calls (a sentence per model), table.
    """
    confidence = results.confidence_of(*results.of_models("metrics"))
    pairs = results.comparison["pairs"] if results.comparison else ()
    of_pairs = results.confidence_of(*results.sources("comparison"))
    titles = {name: model.title for name, model in results.models.items()}
    return {
        "verdict": [describe_pair(pair, titles=titles, confidence=of_pairs) for pair in pairs],
        "setting": _describe_setting(results),
        "calls": [_describe_calls(model, confidence) for model in results.models.values()],
        "table": tabulate_metrics(results, Split.TEST, _COUNTS | {name: METRICS[name] for name in _SHOWN}),
    }


def describe_pair(pair: Mapping[str, Any], *, titles: Mapping[str, str], confidence: str) -> str:
    """Write which of two models told the classes apart better, and whether chance could have done that."""
    first, second = (titles.get(pair[side], pair[side]) for side in ("first", "second"))
    auroc = pair["differences"]["auroc"]
    difference = auroc["difference"]
    if not is_defined(difference):
        return (
            f"Whether the {first} or the {second} tells the classes apart better can't be said: the test cells that "
            "both judged are all of one class."
        )
    better, worse = (first, second) if difference >= 0 else (second, first)
    highest, lowest = sorted((auroc["first"], auroc["second"]), reverse=True)
    values = f"(AUROC {spell(highest, 'score')} against {spell(lowest, 'score')})"
    if highest <= GUESSING:
        opening = f"neither the {first} nor the {second} did better than guessing"
    elif spell(difference, "gain") == "0.000":
        opening = f"the {first} and the {second} did equally well"
    else:
        opening = f"the {better} told blasts from normal cells better than the {worse}"
    weighed = _weigh(auroc["interval"], sign=1 if difference >= 0 else -1, confidence=confidence)
    return f"On the test cells {opening} {values}. {weighed}"


def _weigh(interval: Mapping[str, Any] | None, *, sign: int, confidence: str) -> str:
    if interval is None:
        return (
            "Whether that is more than chance can't be said: an interval needs two or more subject groups of each "
            "class among the test cells."
        )
    low, high = sorted((sign * interval["low"], sign * interval["high"]))
    found = f"the {confidence} interval of the difference, {spell(low, 'gain')} to {spell(high, 'gain')},"
    if low <= 0 <= high:
        return (
            f"But the two can't be told apart: {found} includes 0, so other subjects might have shown no difference or "
            "the reverse."
        )
    return (
        f"That is more than the choice of test subjects explains: {found} leaves out 0. The chance in training is not "
        "in it: a model trained again with another seed differs."
    )


def _describe_setting(results: Results) -> str:
    counts = sorted({model.metrics[Split.TEST]["n_cells"] for model in results.models.values()})
    cells = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    tested = results.cell_splits[results.cell_splits["split"] == Split.TEST].groupby("label")["subject_id"].nunique()
    with_blasts, normal = (tested.get(label, 0) for label in (CellLabel.ALL, CellLabel.HEM))
    shared, groups = results.groups_on_both_sides
    seen = f"but {shared} of their {groups} subject groups also gave cells to training"
    return (
        f"{'Each' if len(results.models) > 1 else 'The'} model judged {cells} cells one by one, of "
        f"{_count_subjects(with_blasts)} with leukemic blasts and {_count_subjects(normal)} with normal precursors, "
        f"{seen if shared else 'none of whom gave a cell to training'}."
    )


def _count_subjects(count: int) -> str:
    return f"{count} subject{'' if count == 1 else 's'}"


def _describe_calls(model: ModelResults, confidence: str) -> str:
    metrics = model.metrics[Split.TEST]
    calls = metrics["confusion"]
    n_blasts = calls["true_positives"] + calls["false_negatives"]
    n_normal = calls["true_negatives"] + calls["false_positives"]
    rates: Any = show_metrics(model, Split.TEST, _CALLED).values()
    found, alarms = (f"{of.text}, {confidence} interval {of.range}" if of.range else of.text for of in rates)
    called = calls["true_positives"] + calls["false_positives"]
    alike = {0: "It called no cell a blast.", n_blasts + n_normal: "It called every cell a blast."}.get(called)
    warnings = (alike, _warn_of_guessing(metrics), _warn_of_short_training(model))
    return (
        f"The {model.title} found {calls['true_positives']:,} of {n_blasts:,} leukemic cells ({found}) and "
        f"mistook {calls['false_positives']:,} of {n_normal:,} normal cells for leukemic ones ({alarms})."
        + "".join(f" {warning}" for warning in warnings if warning)
    )


def _warn_of_guessing(metrics: Mapping[str, Any]) -> str:
    if not is_defined(metrics["auroc"]):
        return ""
    shown = show(metrics["auroc"], "score", interval=metrics["intervals"].get("auroc"))
    if shown.low is None or shown.high is None:
        why = f"its AUROC, {shown.text}, has no interval"
    elif shown.high < GUESSING:
        why = f"its AUROC is below 0.5, and so is all of its interval, {shown.range}"
    elif shown.low <= GUESSING:
        why = f"the interval of its AUROC, {shown.range}, includes 0.5"
    elif metrics["auroc"] <= GUESSING:
        why = f"its AUROC, {shown.text}, is not above 0.5"
    else:
        return ""
    return f"It is not shown to be better than guessing: {why}."


def _warn_of_short_training(model: ModelResults) -> str:
    """Warn where a network's last epoch was its best: had it stopped by itself, worse ones would follow."""
    if model.history is None or model.history.empty:
        return ""
    last = model.history.groupby("seed")["epoch"].transform("max")
    if not (model.history["kept"] & (model.history["epoch"] == last)).any():
        return ""
    return "Its training stopped at its limit of epochs, so it might not have been finished."
