"""Calls of the validation and test cells: confusion matrices, and ROC curves over all thresholds."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import (
    GREY,
    INK,
    LABEL_TEXTS,
    LIGHT,
    SHARES,
    SPLIT_LINES,
    SPLIT_MARKERS,
    finish,
    note_on,
    side_by_side,
)
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel, Split, mark_blasts

ORDER = [LABEL_TEXTS[CellLabel.HEM], LABEL_TEXTS[CellLabel.ALL]]


def draw_confusion_matrices(metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw counts and row shares of right and wrong calls, one heatmap per split.

    A row (true label) adds up to 100 %, and is left blank where it has no cells.
    """
    splits = {split: metrics[split] for split in EVALUATED_SPLITS}
    titles = [f"{split}: {of['n_cells']:,} cells, {of['n_subjects']:,} subjects" for split, of in splits.items()]
    figure = side_by_side(titles, gap=0.06)
    for column, (split, of_split) in enumerate(splits.items(), start=1):
        figure.add_trace(_heatmap(of_split["confusion"], name=split), row=1, col=column)
    colorbar = {"title": {"text": "share of true label", "side": "right"}, "tickformat": ".0%"}
    figure.update_coloraxes(colorscale=SHARES, cmin=0, cmax=1, colorbar=colorbar)
    threshold = metrics[Split.TEST]["threshold"]
    title = f"{model}: true labels against calls at threshold {threshold:.3f}"
    finish(figure, title=title, note=note_on(metrics), height=480)
    figure.update_xaxes(title="called", showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    figure.update_yaxes(title="true label", col=1)
    return figure


def _heatmap(confusion: Mapping[str, int], *, name: str) -> go.Heatmap:
    normal = [confusion["true_negatives"], confusion["false_positives"]]
    rows = [normal, [confusion["false_negatives"], confusion["true_positives"]]]
    shares = [[count / sum(row) if sum(row) else None for count in row] for row in rows]
    texts = [
        [f"{count:,}" if share is None else f"{count:,}<br>{share:.1%}" for count, share in zip(*pair, strict=True)]
        for pair in zip(rows, shares, strict=True)
    ]
    hover = "true label %{y}<br>called %{x}<br>%{customdata} cells<extra></extra>"
    heatmap = go.Heatmap(x=ORDER, y=ORDER, z=shares, customdata=rows, name=name, coloraxis="coloraxis", xgap=2, ygap=2)
    large = {"size": 20, "color": INK}
    heatmap.update(text=texts, texttemplate="%{text}", textfont=large, hovertemplate=hover)
    return heatmap


def draw_roc_curves(predictions: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw sensitivity against false positive rate over all thresholds, and mark the threshold in use.

    A split that lacks a class has neither curve nor marker.
    """
    figure = go.Figure()
    for split in EVALUATED_SPLITS:
        if metrics[split]["auroc"] is not None:
            cells = predictions[predictions["split"] == split]
            figure.add_traces(_roc_traces(cells, metrics[split], split=split))
    chance = {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line=chance, hoverinfo="skip")
    title = f"{model}: ROC curves of the validation and test cells"
    finish(figure, title=title, note=note_on(metrics), height=760)
    # a square, with the legend in the corner that a curve better than chance leaves free
    legend = {"x": 0.98, "xanchor": "right", "y": 0.03, "yanchor": "bottom", "bordercolor": LIGHT, "borderwidth": 1}
    figure.update_layout(width=680, legend=legend)
    figure.update_xaxes(title="false positive rate (normal cells called blasts)", range=[-0.01, 1.01])
    figure.update_yaxes(title="sensitivity (blasts called blasts)", range=[-0.01, 1.01])
    return figure


def _roc_traces(cells: pd.DataFrame, metrics: Mapping[str, Any], *, split: Split) -> list[go.Scatter]:
    from sklearn.metrics import roc_curve

    rates, sensitivities, thresholds = roc_curve(mark_blasts(cells["label"]), cells["blast_probability"])
    interval = metrics["intervals"].get("auroc")
    bounds = f" ({interval['low']:.2f} to {interval['high']:.2f})" if interval else ""
    curve = go.Scatter(
        x=rates.tolist(),
        y=sensitivities.tolist(),
        # the first threshold of `roc_curve` is infinite, which JSON can't hold
        customdata=[f"{threshold:.3f}" if threshold <= 1 else "above 1" for threshold in thresholds],
        mode="lines",
        name=f"{split}: AUROC {metrics['auroc']:.3f}{bounds}",
        line=SPLIT_LINES[split],
        hovertemplate="threshold %{customdata}<br>FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )
    marker = go.Scatter(
        x=[metrics["false_positive_rate"]],
        y=[metrics["sensitivity"]],
        mode="markers",
        name=f"{split} at threshold {metrics['threshold']:.3f}",
        marker=SPLIT_MARKERS[split],
        hovertemplate="FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )
    return [curve, marker]
