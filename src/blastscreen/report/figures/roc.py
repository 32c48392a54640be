"""ROC curves of the validation and test cells."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import (
    GREY,
    LIGHT,
    OUTLINE,
    SPLIT_COLOURS,
    SPLIT_DASHES,
    SPLIT_SYMBOLS,
    finish,
    note_on,
)
from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, Split


def draw_roc_curves(predictions: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw sensitivity against false positive rate over all thresholds, and mark the threshold in use.

    A split that lacks a class has neither curve nor marker.
    """
    figure = go.Figure()
    for split in EVALUATED_SPLITS:
        if metrics[split]["auroc"] is not None:
            cells = predictions[predictions["split"] == split]
            figure.add_traces([_curve(cells, metrics[split], split=split), _marker(metrics[split], split=split)])
    chance = {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line=chance, hoverinfo="skip")
    finish(figure, note=note_on(metrics), title=f"{model}: ROC curves of the validation and test cells", height=760)
    # a square, with the legend in the corner that a curve better than chance leaves free
    legend = {"x": 0.98, "xanchor": "right", "y": 0.03, "yanchor": "bottom", "bordercolor": LIGHT, "borderwidth": 1}
    figure.update_layout(width=680, legend=legend)
    figure.update_xaxes(title="false positive rate (normal cells called blasts)", range=[-0.01, 1.01])
    figure.update_yaxes(title="sensitivity (blasts called blasts)", range=[-0.01, 1.01])
    return figure


def _curve(cells: pd.DataFrame, metrics: Mapping[str, Any], *, split: Split) -> go.Scatter:
    from sklearn.metrics import roc_curve

    rates, sensitivities, thresholds = roc_curve(cells["label"] == POSITIVE_LABEL, cells["blast_probability"])
    interval = metrics["intervals"].get("auroc")
    bounds = f" ({interval['low']:.2f} to {interval['high']:.2f})" if interval else ""
    return go.Scatter(
        x=rates.tolist(),
        y=sensitivities.tolist(),
        # the first threshold of `roc_curve` is infinite, which JSON can't hold
        customdata=[f"{threshold:.3f}" if threshold <= 1 else "above 1" for threshold in thresholds],
        mode="lines",
        name=f"{split}: AUROC {metrics['auroc']:.3f}{bounds}",
        line={"color": SPLIT_COLOURS[split], "dash": SPLIT_DASHES[split], "width": 3},
        hovertemplate="threshold %{customdata}<br>FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )


def _marker(metrics: Mapping[str, Any], *, split: Split) -> go.Scatter:
    return go.Scatter(
        x=[metrics["false_positive_rate"]],
        y=[metrics["sensitivity"]],
        mode="markers",
        name=f"{split} at threshold {metrics['threshold']:.3f}",
        marker={"color": SPLIT_COLOURS[split], "size": 14, "symbol": SPLIT_SYMBOLS[split], "line": OUTLINE},
        hovertemplate="FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )
