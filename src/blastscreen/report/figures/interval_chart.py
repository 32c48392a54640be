"""Models side by side, and beside published rates: values with their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.cohort.index import note_on_source
from blastscreen.models import MODELS
from blastscreen.report.figures.style import BLUE, INK, PALETTE, VERMILION, error_bars, finish, note_on, side_by_side
from blastscreen.vocabulary import Split

SHOWN = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision_all": "precision (all)",
    "precision_hem": "precision (hem)",
    "f1_weighted": "F1 (weighted)",
    "auroc": "AUROC",
}
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
# pixels between two rows of one metric
ROW_HEIGHT = 14
# of the distance between two metrics, shared by the rows of one
BAND = 0.66

Shown = Mapping[str, tuple[float | None, Mapping[str, Any] | None]]

PUBLISHED = ("accuracy", "sensitivity", "false_positive_rate")
OURS, RECOMPUTED, PRINTED = "ours, with interval", "paper, recomputed from its tables", "paper, as printed (differs)"
_MARKERS = {
    OURS: {"color": BLUE, "size": 13},
    RECOMPUTED: {"color": VERMILION, "size": 12, "symbol": "diamond", "line": {"color": INK, "width": 1.5}},
    PRINTED: {"color": VERMILION, "size": 12, "symbol": "x-thin", "line": {"color": VERMILION, "width": 3}},
}


def draw_comparison(comparison: Mapping[str, Any], **metrics: Mapping[str, Any]) -> go.Figure:
    """Draw every model's metrics on the test cells with their intervals, and the paired differences.

    Left one marker per model and metric, right one per pair of models and metric, on lines that span the intervals. A
    difference whose interval leaves out 0 is filled, any other hollow. What is undefined is left out. `metrics` are
    those of each model, by its name.
    """
    figure = side_by_side(["each model on its test cells", "difference on the same cells"])
    pairs = comparison["pairs"]
    for number, (model, of_model) in enumerate(metrics.items()):
        test = of_model[Split.TEST]
        shown = {name: (test[name], test["intervals"].get(name)) for name in SHOWN}
        trace = _markers(shown, MODELS[model].title, number=number, place=number, of=len(metrics))
        figure.add_trace(trace, row=1, col=1)
    for number, pair in enumerate(pairs):
        found = pair["differences"]
        shown = {name: (found[name]["difference"], found[name]["interval"]) for name in SHOWN}
        name = " minus ".join(MODELS[pair[side]].title for side in ("first", "second"))
        trace = _markers(shown, name, number=len(metrics) + number, place=number, of=len(pairs))
        figure.add_trace(_leave_doubtful_hollow(trace, shown), row=1, col=2)
    panel = len(SHOWN) * max(52, ROW_HEIGHT * max(len(metrics), len(pairs)))
    bottom = 70 + 10 * (len(metrics) + len(pairs))
    title, height = "Models on the test cells, each at its own threshold", 130 + panel + bottom
    finish(figure, title=title, note=note_on(comparison), height=height, legend_below=60 / panel, l=160, b=bottom)
    figure.update_xaxes(range=[-0.02, 1.02], title="value, with interval over subject groups", col=1)
    figure.update_xaxes(title="difference, with interval", col=2)
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dot"}, col=2)
    figure.update_yaxes(tickvals=list(range(len(SHOWN))), ticktext=list(SHOWN.values()))
    figure.update_yaxes(range=[len(SHOWN) - 0.5, -0.5], showgrid=False)
    return figure


def _markers(shown: Shown, name: str, *, number: int, place: int, of: int) -> go.Scatter:
    """Make one model's or one pair's markers; `of` of them share the line of a metric, this one is at `place`."""
    offset = BAND * ((place + 0.5) / of - 0.5)
    known = [(line, value, interval) for line, (value, interval) in enumerate(shown.values()) if value is not None]
    values, intervals = [value for _, value, _ in known], [interval for *_, interval in known]
    colour = PALETTE[number % len(PALETTE)]
    look = {"color": colour, "size": 11, "symbol": SYMBOLS[number % len(SYMBOLS)]}
    markers = go.Scatter(x=values, y=[line + offset for line, *_ in known], mode="markers", name=name, marker=look)
    texts = [_describe(interval) for interval in intervals]
    bars = error_bars(values, intervals, color=colour, thickness=2)
    markers.update(error_x=bars, customdata=texts, hovertemplate="%{x:.3f} %{customdata}")
    return markers


def _describe(interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return "(no interval)"
    return f"({interval['low']:.3f} to {interval['high']:.3f}; {interval['n_groups']} subject groups)"


def _leave_doubtful_hollow(trace: go.Scatter, shown: Shown) -> go.Scatter:
    symbol = trace.marker.symbol
    intervals = [interval for value, interval in shown.values() if value is not None]
    decided = [interval is not None and (interval["low"] > 0 or interval["high"] < 0) for interval in intervals]
    trace.update(marker_symbol=[symbol if sure else f"{symbol}-open" for sure in decided])
    return trace


def draw_published(paper_check: Mapping[str, Any], **metrics: Mapping[str, Any]) -> go.Figure:
    """Draw rates on test cells, the paper's and ours: one panel per metric, one line per model.

    What is printed is drawn where it differs from the paper's own tables; a model that the paper lacks has ours alone.
    """
    figure = side_by_side([metric.replace("_", " ") for metric in PUBLISHED], gap=0.04)
    columns = ["kind", "metric", "model", "rate", "low", "high", "text"]
    points = pd.DataFrame(_list_points(paper_check, metrics), columns=columns).dropna(subset="rate")
    points = points.astype(dict.fromkeys(["rate", "low", "high"], float))
    for (kind, metric), of_kind in points.groupby(["kind", "metric"], sort=False):
        error = {"array": of_kind["high"] - of_kind["rate"], "arrayminus": of_kind["rate"] - of_kind["low"]}
        trace = go.Scatter(x=of_kind["rate"], y=of_kind["model"], mode="markers", name=kind, legendgroup=kind)
        trace.update(marker=_MARKERS[str(kind)], error_x=error | {"color": BLUE}, customdata=of_kind["text"])
        first = metric == points.loc[points["kind"] == kind, "metric"].iloc[0]
        trace.update(hovertemplate="%{y}: %{x:.1%} %{customdata}", showlegend=bool(first))
        figure.add_trace(trace, row=1, col=PUBLISHED.index(metric) + 1)
    note = note_on_source("".join(of_model["data_source"] for of_model in metrics.values()))
    title, height = "Rates on test cells: the paper's and ours", 340 + 70 * len(metrics)
    finish(figure, title=title, note=note, height=height, legend_below=0.25, l=130, b=110)
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(categoryorder="array", categoryarray=[MODELS[model].title for model in metrics])
    figure.update_yaxes(range=[len(metrics) - 0.5, -0.5], showgrid=False)
    return figure


def _list_points(check: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for model, metric in ((model, metric) for model in metrics for metric in PUBLISHED):
        title, test = MODELS[model].title, metrics[model][Split.TEST]
        rate, interval = test[metric], test["intervals"].get(metric)
        text = f"{interval['low']:.1%} to {interval['high']:.1%}" if interval else "no interval"
        low, high = (interval["low"], interval["high"]) if interval else (rate, rate)
        yield OURS, metric, title, rate, low, high, text
        theirs = check["rates"].get(model, {}).get(Split.TEST, {}).get(metric, {"recomputed": None, "printed": []})
        yield RECOMPUTED, metric, title, theirs["recomputed"], None, None, ""
        for printed in (entry for entry in theirs["printed"] if not entry["agrees"]):
            yield PRINTED, metric, title, printed["value"], None, None, f"printed {printed['text']}"
