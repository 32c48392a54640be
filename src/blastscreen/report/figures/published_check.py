"""Published rates beside ours."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.cohort.index import note_on_source
from blastscreen.models import MODELS
from blastscreen.report.figures.style import BLUE, INK, VERMILION, finish
from blastscreen.vocabulary import Split

METRICS = ("accuracy", "sensitivity", "false_positive_rate")
OURS, RECOMPUTED, PRINTED = "ours, with interval", "paper, recomputed from its tables", "paper, as printed (differs)"


def draw_published(paper_check: Mapping[str, Any], **metrics: Mapping[str, Any]) -> go.Figure:
    """Draw accuracy, sensitivity and false positive rate on test cells, the paper's and ours.

    Args:
        paper_check: Result of `check_published`.
        metrics: Those of each model, by its name; a model that the paper does not have shows ours alone.

    Returns:
        One panel per metric and one line per model: ours with its interval, the paper's as its tables give it, and as
        printed where that differs. What is undefined is left out.
    """
    models = {model: MODELS[model].title for model in metrics}
    figure = make_subplots(
        rows=1,
        cols=len(METRICS),
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=[metric.replace("_", " ") for metric in METRICS],
    )
    explained: set[str] = set()
    for column, metric in enumerate(METRICS, start=1):
        for trace in (
            _ours(metrics, metric, models),
            _recomputed(paper_check, metric, models),
            _printed(paper_check, metric, models),
        ):
            # plotly leaves an empty trace out of the legend, so the first with points explains its kind
            figure.add_trace(trace.update(showlegend=trace.name not in explained), row=1, col=column)
            explained |= {trace.name} if trace.x else set()
    title = "Rates on test cells: the paper's and ours"
    note = note_on_source("".join(of_model["data_source"] for of_model in metrics.values()))
    finish(figure, title=title, note=note, height=340 + 70 * len(models))
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0}, margin={"l": 130, "b": 110})
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(
        categoryorder="array", categoryarray=list(models.values()), range=[len(models) - 0.5, -0.5], showgrid=False
    )
    return figure


def _ours(metrics: Mapping[str, Mapping[str, Any]], metric: str, models: Mapping[str, str]) -> go.Scatter:
    rows = [(models[model], metrics[model][Split.TEST]) for model in models if model in metrics]
    rows = [(name, row) for name, row in rows if row[metric] is not None]
    intervals = [row["intervals"].get(metric) for _, row in rows]
    rates = [row[metric] for _, row in rows]
    pairs = list(zip(rates, intervals, strict=True))
    return _markers(
        OURS,
        [name for name, _ in rows],
        rates,
        ["no interval" if one is None else f"{one['low']:.1%} to {one['high']:.1%}" for one in intervals],
        marker={"color": BLUE, "size": 13},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0 if one is None else one["high"] - rate for rate, one in pairs],
            "arrayminus": [0.0 if one is None else rate - one["low"] for rate, one in pairs],
            "color": BLUE,
        },
    )


def _recomputed(check: Mapping[str, Any], metric: str, models: Mapping[str, str]) -> go.Scatter:
    rates = {
        name: rate["recomputed"] for name, rate in _published(check, metric, models) if rate["recomputed"] is not None
    }
    marker = {"color": VERMILION, "size": 12, "symbol": "diamond", "line": {"color": INK, "width": 1.5}}
    return _markers(RECOMPUTED, list(rates), list(rates.values()), [""] * len(rates), marker=marker)


def _printed(check: Mapping[str, Any], metric: str, models: Mapping[str, str]) -> go.Scatter:
    apart = [
        (name, printed)
        for name, rate in _published(check, metric, models)
        for printed in rate["printed"]
        if not printed["agrees"]
    ]
    names, rates = [name for name, _ in apart], [printed["value"] for _, printed in apart]
    marker = {"color": VERMILION, "size": 12, "symbol": "x-thin", "line": {"color": VERMILION, "width": 3}}
    return _markers(PRINTED, names, rates, [f"printed {printed['text']}" for _, printed in apart], marker=marker)


def _published(check: Mapping[str, Any], metric: str, models: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the paper's rate of each model that it has a table of test cells for."""
    rates = {model: check["rates"].get(model, {}).get(Split.TEST) for model in models}
    return [(models[model], found[metric]) for model, found in rates.items() if found]


def _markers(name: str, models: list[str], rates: list[float], details: list[str], **look: Any) -> go.Scatter:
    return go.Scatter(
        name=name,
        legendgroup=name,
        x=rates,
        y=models,
        customdata=details,
        mode="markers",
        hovertemplate="%{y}: %{x:.1%} %{customdata}",
        **look,
    )
