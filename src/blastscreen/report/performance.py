"""Every metric of every model, their calls, and the models side by side on the same cells."""

from collections.abc import Mapping
from typing import Any

from blastscreen.evaluation.promise import explain_sensitivity
from blastscreen.report.metric_tables import METRICS, show_metric
from blastscreen.report.quantities import NO_INTERVAL, Kind, Quantity, quantity
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import EVALUATED_SPLITS, OperatingRule, Split

_DIFFERENCE: dict[Kind, Kind] = {"rate": "points", "score": "gain"}


def describe_performance(study: Study) -> dict[str, Any]:
    """Tabulate metrics, operating points, calls and paired differences."""
    pairs = (study.get("comparison") or {"pairs": []})["pairs"]
    return {
        "metrics": [_tabulate_metrics(study, split) for split in reversed(EVALUATED_SPLITS)],
        "operating_points": _tabulate_operating_points(study),
        "promises": _list_promises(study),
        "calls": [_tabulate_calls(study, model) for model in study.models],
        "pairs": [_describe_comparison(study, pair) for pair in pairs],
    }


def _tabulate_metrics(study: Study, split: Split) -> Table:
    metrics = {model: study.entries[f"{model}_metrics"][split] for model in study.models}
    counts = {"n_cells": "cells", "n_unfit": "cells unfit to be decided, always referred"}
    counts |= {"n_subjects": "subjects", "n_subject_groups": "subject groups"}
    rows: list[list[str | Quantity]] = [
        [
            words,
            *(quantity(of.get(count), kind="count", name=f"{model}.{split}.{count}") for model, of in metrics.items()),
        ]
        for count, words in counts.items()
    ]
    rows += [
        [shown.words, *(show_metric(metric, of, name=f"{model}.{split}") for model, of in metrics.items())]
        for metric, shown in METRICS.items()
    ]
    return make_table(
        f"Metrics on the {split} cells, with {study.confidence} intervals over subject groups",
        unit="cells, at each model's own threshold",
        sources=study.sources(*(f"{model}_metrics" for model in study.models)),
        columns=["metric", *study.models.values()],
        rows=rows,
    )


def _tabulate_operating_points(study: Study) -> Table | None:
    points = {model: study.get(f"{model}_operating_point") for model in study.models}
    rows: list[list[str | Quantity]] = []
    for model, point in points.items():
        if point is not None:
            threshold = quantity(point["threshold"], kind="score", name=f"{model}.threshold")
            rows.append([study.models[model], threshold, _describe_rule(point), str(point["chosen_on"])])
    if not rows:
        return None
    return make_table(
        "Where each model cuts between normal and blast",
        unit="blast probability as the model gives it, 0 to 1; at or above the threshold a cell is called a blast",
        sources=study.sources(*(f"{model}_operating_point" for model in study.models)),
        columns=["model", "threshold", "rule", "chosen on"],
        rows=rows,
    )


def _list_promises(study: Study) -> list[str]:
    """Say for each model what sensitivity can be promised where the wanted one can't."""
    points = {name: study.get(f"{model}_operating_point") for model, name in study.models.items()}
    sentences = {name: explain_sensitivity(point) for name, point in points.items() if point is not None}
    return [f"The {name}: {sentence}" for name, sentence in sentences.items() if sentence]


def _describe_rule(point: Mapping[str, Any]) -> str:
    wanted = point.get("wanted") or {}
    text = {
        OperatingRule.FIXED: "given beforehand",
        OperatingRule.SENSITIVITY: f"sensitivity of at least {100 * wanted.get('min_sensitivity', 0):g}%",
        OperatingRule.YOUDEN: "largest sum of sensitivity and specificity",
        OperatingRule.COST: f"a missed blast weighs as much as {wanted.get('missed_blast_cost', 0):g} false alarms",
    }.get(point["rule"], str(point["rule"]))
    return text if point.get("attainable", True) else f"{text}; not attainable on these cells"


def _tabulate_calls(study: Study, model: str) -> Table:
    rows: list[list[str | Quantity]] = []
    for split in reversed(EVALUATED_SPLITS):
        calls = study.entries[f"{model}_metrics"][split]["confusion"]
        for true, columns in {
            "normal (HEM)": ("true_negatives", "false_positives"),
            "blast (ALL)": ("false_negatives", "true_positives"),
        }.items():
            counts = [quantity(calls[name], kind="count", name=f"{model}.{split}.{name}") for name in columns]
            rows.append([f"{split}: {true}", *counts])
    return make_table(
        f"Calls of the {study.models[model]}",
        unit="cells",
        sources=study.sources(f"{model}_metrics"),
        columns=["split and true label", "called normal", "called blast"],
        rows=rows,
    )


def _describe_comparison(study: Study, pair: Mapping[str, Any]) -> dict[str, Any]:
    first, second = (study.models.get(pair[side], pair[side]) for side in ("first", "second"))
    name = f"comparison.{pair['first']}.{pair['second']}"
    rows: list[list[str | Quantity]] = []
    for metric, found in pair["differences"].items():
        shown = METRICS[metric]
        sides = [quantity(found[side], kind=shown.kind, name=f"{name}.{metric}.{side}") for side in ("first", "second")]
        difference = quantity(
            found["difference"],
            kind=_DIFFERENCE[shown.kind],
            name=f"{name}.{metric}.difference",
            interval=found["interval"],
            undefined="one of the two is not defined",
            no_interval=NO_INTERVAL,
        )
        rows.append([shown.words, *sides, difference])
    table = make_table(
        f"The {first} and the {second} on the same test cells",
        unit="cells that both models judged; the intervals are over subject groups",
        sources=study.sources("comparison"),
        columns=["metric", first, second, f"difference with {study.confidence_of('comparison')} interval"],
        rows=rows,
    )
    has_intervals = any(found["interval"] is not None for found in pair["differences"].values())
    mcnemar = _show_mcnemar(pair, name=name)
    return {"first": first, "second": second, "table": table, "has_intervals": has_intervals, **mcnemar}


def _show_mcnemar(pair: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    mcnemar = pair["mcnemar"]
    counts = ("both_right", "only_first_right", "only_second_right", "both_wrong")
    shown = {count: quantity(mcnemar[count], kind="count", name=f"{name}.{count}") for count in counts}
    shown["p_value"] = quantity(
        mcnemar["p_value"], kind="p_value", name=f"{name}.p_value", undefined="the models never disagree"
    )
    shown["n_cells"] = quantity(pair["n_cells"], kind="count", name=f"{name}.n_cells")
    shown["n_unpaired"] = quantity(pair.get("n_unpaired", 0), kind="count", name=f"{name}.n_unpaired")
    return {"mcnemar": shown, "caveat": mcnemar["caveat"]}
