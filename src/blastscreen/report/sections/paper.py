"""The paper's numbers: what they contradict, and how they compare with ours."""

from collections.abc import Mapping
from typing import Any

from blastscreen.report.results import Results
from blastscreen.report.sections.performance import show_metrics
from blastscreen.report.shown import METRICS, Row, Table, show, spell
from blastscreen.vocabulary import Split


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
