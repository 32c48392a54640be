"""Every metric of every model, their calls, the models side by side on the same cells, and beside the paper."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from blastscreen.evaluation.promise import explain_sensitivity
from blastscreen.report.results import ModelResults, Results
from blastscreen.report.shown import (
    METRICS,
    NO_INTERVAL,
    Columns,
    Kind,
    Numbers,
    Row,
    Table,
    explain_undefined,
    show,
    show_row,
    spell,
    transpose,
)
from blastscreen.vocabulary import EVALUATED_SPLITS, OperatingRule, Split

_DIFFERENCE: dict[Kind, Kind] = {"rate": "points", "score": "gain"}
_COUNTS: Numbers = {
    "n_cells": ("cells", "count"),
    "n_unfit": ("cells unfit to be decided, always referred", "count"),
    "n_subjects": ("subjects", "count"),
    "n_subject_groups": ("subject groups", "count"),
}
_MCNEMAR: Numbers = {
    name: (name, "count")
    for name in ("n_cells", "n_unpaired", "both_right", "only_first_right", "only_second_right", "both_wrong")
}


def describe_performance(results: Results) -> dict[str, Any]:
    """Tabulate metrics, operating points, calls and paired differences."""
    points = {model.title: model.operating_point for model in results.models.values() if model.operating_point}
    promises = {title: explain_sensitivity(point) for title, point in points.items()}
    pairs = results.comparison["pairs"] if results.comparison else ()
    return {
        "metrics": [tabulate_metrics(results, split) for split in reversed(EVALUATED_SPLITS)],
        "operating_points": _tabulate_operating_points(results),
        "promises": [f"The {title}: {promise}" for title, promise in promises.items() if promise],
        "calls": {name: _tabulate_calls(results, model) for name, model in results.models.items()},
        "pairs": [_describe_comparison(results, pair) for pair in pairs],
    }


def tabulate_metrics(results: Results, split: Split, columns: Columns = _COUNTS | METRICS) -> Table:
    """Tabulate counts and metrics of all models on the cells of a split."""
    sources = results.of_models("metrics")
    title = f"The models on the {split} cells, with {results.confidence_of(*sources)} intervals over subject groups"
    shown = {model.title: show_metrics(model, split, columns) for model in results.models.values()}
    unit = "cells, at each model's own threshold"
    return Table(title, transpose(shown, "metric"), unit=unit, sources=sources)


def show_metrics(model: ModelResults, split: Split, columns: Columns) -> Row:
    """Show metrics of a model with their intervals, under their headings."""
    metrics = model.metrics[split]
    # a metric that was not computed is not defined either
    record = dict.fromkeys(columns) | metrics
    undefined, wanted = explain_undefined(metrics["confusion"]), dict.fromkeys(METRICS, NO_INTERVAL)
    return show_row(record, columns, f"{model.name}.{split}", undefined=undefined, no_interval=wanted)


def _tabulate_operating_points(results: Results) -> Table:
    rows: list[Row] = []
    for name, model in results.models.items():
        if point := model.operating_point:
            threshold = show(point["threshold"], "score", f"{name}.threshold")
            described = {"rule": _describe_rule(point), "chosen on": point["chosen_on"]}
            rows.append({"model": model.title, "threshold": threshold, **described})
    unit = "blast probability as the model gives it, 0 to 1; at or above the threshold a cell is called a blast"
    title = "Where each model cuts between normal and blast"
    return Table(title, rows, unit=unit, sources=results.of_models("operating_point"))


def _describe_rule(point: Mapping[str, Any]) -> str:
    wanted = point.get("wanted") or {}
    text = {
        OperatingRule.FIXED: "given beforehand",
        OperatingRule.SENSITIVITY: f"sensitivity of at least {100 * wanted.get('min_sensitivity', 0):g}%",
        OperatingRule.YOUDEN: "largest sum of sensitivity and specificity",
        OperatingRule.COST: f"a missed blast weighs as much as {wanted.get('missed_blast_cost', 0):g} false alarms",
    }[OperatingRule(point["rule"])]
    return text if point.get("attainable", True) else f"{text}; not attainable on these cells"


def _tabulate_calls(results: Results, model: ModelResults) -> Table:
    calls = {
        "normal (HEM)": ("true_negatives", "false_positives"),
        "blast (ALL)": ("false_negatives", "true_positives"),
    }
    rows = []
    for split, (label, (normal, blast)) in product(reversed(EVALUATED_SPLITS), calls.items()):
        called: Numbers = {normal: ("called normal", "count"), blast: ("called blast", "count")}
        first = {"split and true label": f"{split}: {label}"}
        rows.append(show_row(model.metrics[split]["confusion"], called, f"{model.name}.{split}", first=first))
    sources = results.sources(f"{model.name}_metrics")
    return Table(f"Calls of the {model.title}", rows, unit="cells", sources=sources)


def _describe_comparison(results: Results, pair: Mapping[str, Any]) -> dict[str, Any]:
    first, second = (results.models[pair[side]].title for side in ("first", "second"))
    name, sources = f"comparison.{pair['first']}.{pair['second']}", results.sources("comparison")
    confidence = results.confidence_of(*sources)
    rows = []
    for metric, found in pair["differences"].items():
        words, kind = METRICS[metric]
        sides: Numbers = {"first": (first, kind), "second": (second, kind)}
        row = show_row(found, sides, f"{name}.{metric}", first={"metric": words})
        reasons = {"undefined": "one of the two is not defined", "no_interval": NO_INTERVAL}
        change, of, interval = found["difference"], f"{name}.{metric}.difference", found["interval"]
        row[f"difference with {confidence} interval"] = show(
            change, _DIFFERENCE[kind], of, interval=interval, **reasons
        )
        rows.append(row)
    title = f"The {first} and the {second} on the same test cells"
    unit = "cells that both models judged; the intervals are over subject groups"
    p_value = show(pair["mcnemar"]["p_value"], "p_value", f"{name}.p_value", undefined="the models never disagree")
    return {
        "first": first,
        "second": second,
        "confidence": confidence,
        "table": Table(title, rows, unit=unit, sources=sources),
        "has_intervals": any(found["interval"] is not None for found in pair["differences"].values()),
        "mcnemar": show_row(pair | pair["mcnemar"], _MCNEMAR, name) | {"p_value": p_value},
        "caveat": pair["mcnemar"]["caveat"],
    }


def describe_paper(results: Results) -> dict[str, Any] | None:
    """Put the paper's rates beside ours and list its contradictions."""
    check = results.paper_check
    if check is None:
        return None
    return {
        **{name: check[name] for name in ("citation", "n_checked", "contradictions")},
        "prevalence": _describe_prevalence(results, check),
        "sources": results.sources("paper_check", "published_numbers"),
        "beside": _tabulate_beside(results, check),
    }


def _describe_prevalence(results: Results, check: Mapping[str, Any]) -> str:
    """Write how many of the test cells are blasts, there and here; "" where the paper's tables don't tell."""
    theirs = [table["consistent"] for table in check.get("tables", ()) if table["split"] == Split.TEST]
    ours = [model.metrics[Split.TEST]["confusion"] for model in results.models.values()]
    shares = [_list_shares([table for table in tables if sum(table.values())]) for tables in (theirs, ours)]
    if not all(shares):
        return ""
    return (
        f"Blasts are {shares[0]} of the paper's test cells and {shares[1]} of ours: accuracy, precision and F1 depend "
        "on that share, sensitivity and specificity do not."
    )


def _list_shares(tables: list[Mapping[str, int]]) -> str:
    shares = [(calls["true_positives"] + calls["false_negatives"]) / sum(calls.values()) for calls in tables]
    return " and ".join(sorted({spell(share, "rate") for share in shares}))


def _tabulate_beside(results: Results, check: Mapping[str, Any]) -> Table:
    rows: list[Row] = []
    sources = results.of_models("metrics")
    for model in results.models.values():
        ours = show_metrics(model, Split.TEST, METRICS)
        rates = check["rates"].get(model.name, {}).get(Split.TEST, {})
        for metric, (words, kind) in METRICS.items():
            if metric in rates:
                theirs, label = rates[metric], metric.replace("_", " ")
                printed = ", ".join(dict.fromkeys(found["text"] for found in theirs["printed"])) or "not printed"
                recomputed = show(theirs["recomputed"], kind, f"paper.{model.name}.test.{metric}")
                row: Row = {"metric": f"{model.title}: {label}", "paper, as printed": printed}
                row |= {"paper, from its tables": recomputed}
                rows.append(row | {f"ours, {results.confidence_of(*sources)} interval": ours[words]})
    title = "The paper's rates on its test cells beside ours"
    unit = "cells; the test cells are not the same, and the paper's were split by image"
    return Table(title, rows, unit=unit, sources=results.sources("paper_check") + sources)
