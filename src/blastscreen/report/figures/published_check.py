"""Published rates beside ours."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.cohort.index import note_on_source
from blastscreen.models import MODELS
from blastscreen.report.figures.style import BLUE, INK, VERMILION, finish
from blastscreen.vocabulary import Split

METRICS = ("accuracy", "sensitivity", "false_positive_rate")
OURS, RECOMPUTED, PRINTED = "ours, with interval", "paper, recomputed from its tables", "paper, as printed (differs)"
_MARKERS = {
    OURS: {"color": BLUE, "size": 13},
    RECOMPUTED: {"color": VERMILION, "size": 12, "symbol": "diamond", "line": {"color": INK, "width": 1.5}},
    PRINTED: {"color": VERMILION, "size": 12, "symbol": "x-thin", "line": {"color": VERMILION, "width": 3}},
}


def draw_published(paper_check: Mapping[str, Any], **metrics: Mapping[str, Any]) -> go.Figure:
    """Draw rates on test cells, the paper's and ours: one panel per metric, one line per model.

    Args:
        paper_check: Result of `check_published`; print is drawn where it differs from the paper's own tables.
        metrics: Those of each model, by its name; one that the paper does not have shows ours alone.
    """
    models = {model: MODELS[model].title for model in metrics}
    titles = [metric.replace("_", " ") for metric in METRICS]
    figure = make_subplots(rows=1, cols=3, shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=titles)
    columns = ["kind", "metric", "model", "rate", "low", "high", "text"]
    points = pd.DataFrame(_list_points(paper_check, metrics, models), columns=columns).dropna(subset="rate")
    points = points.astype(dict.fromkeys(["rate", "low", "high"], float))
    for (kind, metric), of_kind in points.groupby(["kind", "metric"], sort=False):
        error = {"array": of_kind["high"] - of_kind["rate"], "arrayminus": of_kind["rate"] - of_kind["low"]}
        trace = go.Scatter(x=of_kind["rate"], y=of_kind["model"], mode="markers", name=kind, legendgroup=kind)
        trace.update(marker=_MARKERS[str(kind)], error_x=error | {"color": BLUE}, customdata=of_kind["text"])
        first = metric == points.loc[points["kind"] == kind, "metric"].iloc[0]
        trace.update(hovertemplate="%{y}: %{x:.1%} %{customdata}", showlegend=bool(first))
        figure.add_trace(trace, row=1, col=METRICS.index(metric) + 1)
    note = note_on_source("".join(of_model["data_source"] for of_model in metrics.values()))
    finish(figure, title="Rates on test cells: the paper's and ours", note=note, height=340 + 70 * len(models))
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0}, margin={"l": 130, "b": 110})
    lines = {"categoryarray": list(models.values()), "range": [len(models) - 0.5, -0.5], "showgrid": False}
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(categoryorder="array", **lines)
    return figure


def _list_points(
    check: Mapping[str, Any], metrics: Mapping[str, Any], models: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    for model, metric in ((model, metric) for model in models for metric in METRICS):
        if model in metrics:
            rate, interval = metrics[model][Split.TEST][metric], metrics[model][Split.TEST]["intervals"].get(metric)
            text = f"{interval['low']:.1%} to {interval['high']:.1%}" if interval else "no interval"
            low, high = (interval["low"], interval["high"]) if interval else (rate, rate)
            yield OURS, metric, models[model], rate, low, high, text
        theirs = check["rates"].get(model, {}).get(Split.TEST, {}).get(metric, {"recomputed": None, "printed": []})
        yield RECOMPUTED, metric, models[model], theirs["recomputed"], None, None, ""
        for printed in (entry for entry in theirs["printed"] if not entry["agrees"]):
            yield PRINTED, metric, models[model], printed["value"], None, None, f"printed {printed['text']}"
