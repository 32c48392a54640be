"""Models side by side: their metrics on the test cells, and the differences between them."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import INK, PALETTE, finish
from blastscreen.vocabulary import Split

SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision_all",
    "precision_hem",
    "f1_weighted",
    "auroc",
)
TEXTS = {
    "auroc": "AUROC",
    "precision_all": "precision (all)",
    "precision_hem": "precision (hem)",
    "f1_weighted": "F1 (weighted)",
}
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
# how far apart the rows of one metric stand, of the distance between two metrics
SPREAD = 0.22
NO_INTERVAL = "(no interval)"


def draw_comparison(
    comparison: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], *, models: Mapping[str, str], note: str
) -> go.Figure:
    """Draw every model's metrics on the test cells with their intervals, and the paired differences.

    Args:
        comparison: Result of `compare_models`.
        metrics: Per model the result of `evaluate_predictions`.
        models: What each model is called in words.
        note: Drawn below the title, "" for none.

    Returns:
        Left one marker per model and metric, right one per pair of models and metric, on lines that span the intervals.
        A difference whose interval leaves out 0 is filled, any other hollow. What is undefined is left out.
    """
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        subplot_titles=["each model on its test cells", "difference on the same cells"],
    )
    for number, (model, of_splits) in enumerate(metrics.items()):
        rows = {name: (of_splits[Split.TEST][name], of_splits[Split.TEST]["intervals"][name]) for name in SHOWN}
        figure.add_trace(_markers(rows, models[model], number=number, of=len(metrics)), row=1, col=1)
    for number, pair in enumerate(comparison["pairs"]):
        rows = {
            name: (pair["differences"][name]["difference"], pair["differences"][name]["interval"]) for name in SHOWN
        }
        name = f"{models[pair['first']]} minus {models[pair['second']]}"
        trace = _markers(rows, name, number=len(metrics) + number, of=len(comparison["pairs"]), place=number)
        figure.add_trace(_fill_decided(trace), row=1, col=2)
    finish(figure, title="Models on the test cells, each at its own threshold", note=note, height=680)
    figure.update_layout(legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0}, margin={"l": 160, "b": 130})
    figure.update_xaxes(range=[-0.02, 1.02], title="value, with interval over subject groups", col=1)
    figure.update_xaxes(title="difference, with interval", col=2)
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dot"}, col=2)
    figure.update_yaxes(
        tickvals=list(range(len(SHOWN))),
        ticktext=[TEXTS.get(name, name.replace("_", " ")) for name in SHOWN],
        range=[len(SHOWN) - 0.5, -0.5],
        showgrid=False,
    )
    return figure


def _markers(
    rows: Mapping[str, tuple[float | None, Mapping[str, Any] | None]],
    name: str,
    *,
    number: int,
    of: int,
    place: int | None = None,
) -> go.Scatter:
    """Make one model's or one pair's markers; `of` of them share the line of a metric."""
    offset = SPREAD * ((number if place is None else place) - (of - 1) / 2)
    known = [(line, value, interval) for line, (value, interval) in enumerate(rows.values()) if value is not None]
    values = [value for _, value, _ in known]
    bounds = [(interval["low"], interval["high"]) if interval else (value, value) for _, value, interval in known]
    colour = PALETTE[number % len(PALETTE)]
    return go.Scatter(
        x=values,
        y=[line + offset for line, _, _ in known],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
            "color": colour,
            "thickness": 2,
        },
        customdata=[_say(interval) for _, _, interval in known],
        mode="markers",
        name=name,
        marker={"color": colour, "size": 11, "symbol": SYMBOLS[number % len(SYMBOLS)]},
        hovertemplate="%{x:.3f} %{customdata}",
    )


def _say(interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return NO_INTERVAL
    return f"({interval['low']:.3f} to {interval['high']:.3f}; {interval['n_groups']} subject groups)"


def _fill_decided(trace: go.Scatter) -> go.Scatter:
    """Leave the markers of differences that may be none hollow."""
    symbol = trace.marker.symbol
    reaches = zip(trace.x, trace.error_x.array, trace.error_x.arrayminus, trace.customdata, strict=True)
    decided = [said != NO_INTERVAL and (value - minus > 0 or value + plus < 0) for value, plus, minus, said in reaches]
    return trace.update(marker_symbol=[symbol if sure else f"{symbol}-open" for sure in decided])
