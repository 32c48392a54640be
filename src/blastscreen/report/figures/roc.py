"""ROC curves of the validation and test cells."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from sklearn.metrics import roc_curve

from blastscreen.report.figures.style import GREY, INK, LIGHT, SPLIT_COLOURS, SPLIT_DASHES, finish
from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, Split


def draw_roc_curves(
    predictions: pd.DataFrame, metrics: Mapping[str, Mapping[str, Any]], *, model: str, note: str
) -> go.Figure:
    """Draw sensitivity against false positive rate over all cuts, and mark the cut in use.

    Args:
        predictions: label, split, blast_probability.
        metrics: Result of `evaluate_predictions` on the same predictions.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        Per split a curve, named with its AUROC and its interval, and a marker at the threshold; a split that lacks a
        class has neither.
    """
    figure = go.Figure()
    for split in EVALUATED_SPLITS:
        if metrics[split]["auroc"] is not None:
            cells = predictions[predictions["split"] == split]
            figure.add_trace(_curve(cells, metrics[split], split=split))
            figure.add_trace(_operating_point(metrics[split], split=split))
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", name="chance", line={"color": GREY, "dash": "dot"}, hoverinfo="skip"
        )
    )
    title = f"{model}: ROC curves of the validation and test cells"
    finish(figure, title=title, note=note, height=760)
    # a square, with the legend in the corner that a curve better than chance leaves free
    legend = {"x": 0.98, "xanchor": "right", "y": 0.03, "yanchor": "bottom", "bordercolor": LIGHT, "borderwidth": 1}
    figure.update_layout(width=680, legend=legend)
    figure.update_xaxes(title="false positive rate (normal cells called blasts)", range=[-0.01, 1.01])
    figure.update_yaxes(title="sensitivity (blasts called blasts)", range=[-0.01, 1.01])
    return figure


def _curve(cells: pd.DataFrame, metrics: Mapping[str, Any], *, split: Split) -> go.Scatter:
    false_positive_rates, sensitivities, thresholds = roc_curve(
        cells["label"] == POSITIVE_LABEL, cells["blast_probability"]
    )
    interval = metrics["intervals"]["auroc"]
    bounds = f" ({interval['low']:.2f} to {interval['high']:.2f})" if interval else ""
    return go.Scatter(
        x=false_positive_rates.tolist(),
        y=sensitivities.tolist(),
        # the first cut of `roc_curve` is infinite, which JSON can't hold
        customdata=[f"{cut:.3f}" if cut <= 1 else "above 1" for cut in thresholds],
        mode="lines",
        name=f"{split}: AUROC {metrics['auroc']:.3f}{bounds}",
        line={"color": SPLIT_COLOURS[split], "dash": SPLIT_DASHES[split], "width": 3},
        hovertemplate="threshold %{customdata}<br>FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )


def _operating_point(metrics: Mapping[str, Any], *, split: Split) -> go.Scatter:
    return go.Scatter(
        x=[metrics["false_positive_rate"]],
        y=[metrics["sensitivity"]],
        mode="markers",
        name=f"{split} at threshold {metrics['threshold']:.3f}",
        marker={
            "color": SPLIT_COLOURS[split],
            "size": 14,
            "symbol": "diamond" if split == Split.TEST else "circle",
            "line": {"color": INK, "width": 1.5},
        },
        hovertemplate="FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>",
    )
