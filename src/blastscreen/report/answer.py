"""The answer in plain words: what was compared, on whom, which did better, and whether that can be told apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from blastscreen.report.metric_tables import show_metric
from blastscreen.report.quantities import Quantity, is_defined, quantity, spell
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import CellLabel, Split

GUESSING = 0.5
"""AUROC of a model that knows nothing."""

_SHOWN = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
}


def describe_answer(study: Study) -> dict[str, Any]:
    """Put the result in a few sentences and one table.

    Returns:
        verdict (list of sentences, one per pair of models), setting (who was compared on what), calls (a sentence per
        model) and table.
    """
    pairs = (study.get("comparison") or {"pairs": []})["pairs"]
    return {
        "verdict": [
            describe_pair(pair, names=study.models, confidence=study.confidence_of("comparison")) for pair in pairs
        ],
        "setting": _describe_setting(study),
        "calls": [_describe_calls(study, model) for model in study.models],
        "table": _tabulate_models(study),
    }


def describe_pair(pair: Mapping[str, Any], *, names: Mapping[str, str], confidence: str) -> str:
    """Say which of two models told the classes apart better, and whether chance could have done that.

    Args:
        pair: One of the pairs of entry `comparison`.
        names: Models in words.
        confidence: Level of the interval, such as "95%".
    """
    first, second = (names.get(pair[side], pair[side]) for side in ("first", "second"))
    auroc = pair["differences"]["auroc"]
    difference = quantity(auroc["difference"], kind="gain", name="").value
    if difference is None:
        return (
            f"Whether the {first} or the {second} tells the classes apart better can't be said: the test cells that "
            "both judged are all of one class."
        )
    better, worse = (first, second) if difference >= 0 else (second, first)
    values = sorted((auroc["first"], auroc["second"]), reverse=True)
    against = " against ".join(spell(value, kind="score") for value in values)
    if values[0] <= GUESSING:
        opening = f"On the test cells neither the {first} nor the {second} did better than guessing (AUROC {against})."
    elif spell(difference, kind="gain") == "0.000":
        opening = f"On the test cells the {first} and the {second} did equally well (AUROC {against})."
    else:
        opening = (
            f"On the test cells the {better} told blasts from normal cells better than the {worse} (AUROC {against})."
        )
    return f"{opening} {_weigh(auroc['interval'], sign=1 if difference >= 0 else -1, confidence=confidence)}"


def _weigh(interval: Mapping[str, Any] | None, *, sign: int, confidence: str) -> str:
    if interval is None:
        return (
            "Whether that is more than chance can't be said: an interval needs two or more subject groups of each "
            "class among the test cells."
        )
    low, high = sorted((sign * interval["low"], sign * interval["high"]))
    bounds = f"{spell(low, kind='gain')} to {spell(high, kind='gain')}"
    if low <= 0 <= high:
        return (
            f"But the two can't be told apart: the {confidence} interval of the difference, {bounds}, includes 0, so "
            "other subjects might have shown no difference or the reverse."
        )
    return (
        f"That is more than the choice of test subjects explains: the {confidence} interval of the difference, "
        f"{bounds}, leaves out 0. The chance in training is not in it: a model trained again with another seed differs."
    )


def _describe_setting(study: Study) -> str:
    counts = sorted({metrics["test"]["n_cells"] for metrics in _all_metrics(study)})
    cells = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    with_blasts, normal = (study.count_test_subjects(label) for label in (CellLabel.ALL, CellLabel.HEM))
    shared, groups = study.groups_on_both_sides
    seen = (
        "none of whom gave a cell to training"
        if not shared
        else f"but {shared} of their {groups} subject groups also gave cells to training"
    )
    who = "Each model" if len(study.models) > 1 else "The model"
    return (
        f"{who} judged {cells} cells one by one, of {_persons(with_blasts)} with leukemic blasts and "
        f"{_persons(normal)} with normal precursors, {seen}."
    )


def _persons(count: int) -> str:
    return f"{count} subject" if count == 1 else f"{count} subjects"


def _all_metrics(study: Study) -> Sequence[Mapping[str, Any]]:
    return [study.entries[f"{model}_metrics"] for model in study.models]


def _describe_calls(study: Study, model: str) -> str:
    metrics = study.entries[f"{model}_metrics"][Split.TEST]
    calls = metrics["confusion"]
    n_blasts = calls["true_positives"] + calls["false_negatives"]
    n_normal = calls["true_negatives"] + calls["false_positives"]
    found = _with_range(show_metric("sensitivity", metrics, name=""), study.confidence)
    alarms = _with_range(show_metric("false_positive_rate", metrics, name=""), study.confidence)
    return (
        f"The {study.models[model]} found {calls['true_positives']:,} of {n_blasts:,} leukemic cells ({found}) and "
        f"mistook {calls['false_positives']:,} of {n_normal:,} normal cells for leukemic ones ({alarms})."
        f"{_warn_of_useless(metrics)}{_warn_of_short_training(study, model)}"
    )


def _warn_of_useless(metrics: Mapping[str, Any]) -> str:
    """Say what the rates may hide: that all cells were called alike, or that guessing might do as well."""
    calls = metrics["confusion"]
    alike = ""
    if not calls["true_negatives"] + calls["false_negatives"]:
        alike = " It called every cell a blast."
    elif not calls["true_positives"] + calls["false_positives"]:
        alike = " It called no cell a blast."
    return alike + _warn_of_guessing(metrics["auroc"], metrics["intervals"].get("auroc"))


def _warn_of_guessing(auroc: float | None, interval: Mapping[str, Any] | None) -> str:
    opening = " It is not shown to be better than guessing: "
    if not is_defined(auroc):
        return ""
    if interval is None:
        return f"{opening}its AUROC, {spell(auroc, kind='score')}, has no interval."
    bounds = f"{spell(interval['low'], kind='score')} to {spell(interval['high'], kind='score')}"
    if interval["high"] < GUESSING:
        return f"{opening}its AUROC is below 0.5, and so is all of its interval, {bounds}."
    if interval["low"] <= GUESSING:
        return f"{opening}the interval of its AUROC, {bounds}, includes 0.5."
    if auroc <= GUESSING:
        return f"{opening}its AUROC, {spell(auroc, kind='score')}, is not above 0.5."
    return ""


def _warn_of_short_training(study: Study, model: str) -> str:
    """Say so where a network's last epoch was its best: had it stopped by itself, worse ones would follow."""
    history = study.get(f"{model}_history")
    if history is None or history.empty:
        return ""
    last = history.groupby("seed")["epoch"].transform("max")
    if not (history["kept"] & (history["epoch"] == last)).any():
        return ""
    return " Its training stopped at its limit of epochs, so it might not have been finished."


def _with_range(shown: Quantity, confidence: str) -> str:
    return f"{shown.text}, {confidence} interval {shown.range}" if shown.range else shown.text


def _tabulate_models(study: Study) -> Table:
    rows: list[list[str | Quantity]] = []
    for model, name in study.models.items():
        metrics = study.entries[f"{model}_metrics"][Split.TEST]
        counts = [
            quantity(metrics[count], kind="count", name=f"{model}.test.{count}") for count in ("n_cells", "n_subjects")
        ]
        rates = [show_metric(metric, metrics, name=f"{model}.test") for metric in _SHOWN]
        rows.append([name, *counts, *rates])
    return make_table(
        f"The models on the test cells, with {study.confidence} intervals",
        unit="cells; the intervals are over subject groups",
        sources=study.sources(*(f"{model}_metrics" for model in study.models)),
        columns=["model", "cells", "subjects", *_SHOWN.values()],
        rows=rows,
    )
