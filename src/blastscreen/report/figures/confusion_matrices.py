"""Confusion matrices of the validation and test cells."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import INK, LABEL_TEXTS, SHARES, finish
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel

ORDER = [LABEL_TEXTS[CellLabel.HEM], LABEL_TEXTS[CellLabel.ALL]]


def draw_confusion_matrices(metrics: Mapping[str, Mapping[str, Any]], *, model: str, note: str) -> go.Figure:
    """Draw counts and row shares of right and wrong calls, one matrix per split.

    Args:
        metrics: Result of `evaluate_predictions`.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        One heatmap per split; a row (true label) adds up to 100 %, and is left blank where it has no cells.
    """
    titles = [
        f"{split}: {metrics[split]['n_cells']:,} cells, {metrics[split]['n_subjects']:,} subjects"
        for split in EVALUATED_SPLITS
    ]
    figure = make_subplots(
        rows=1, cols=len(EVALUATED_SPLITS), subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.06
    )
    for column, split in enumerate(EVALUATED_SPLITS, start=1):
        figure.add_trace(_heatmap(metrics[split]["confusion"], name=split), row=1, col=column)
    figure.update_coloraxes(
        colorscale=SHARES,
        cmin=0,
        cmax=1,
        colorbar={"title": {"text": "share of true label", "side": "right"}, "tickformat": ".0%"},
    )
    threshold = metrics[EVALUATED_SPLITS[0]]["threshold"]
    title = f"{model}: true labels against calls at threshold {threshold:.3f}"
    finish(figure, title=title, note=note, height=480)
    figure.update_xaxes(title="called", showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    figure.update_yaxes(title="true label", col=1)
    return figure


def _heatmap(confusion: Mapping[str, int], *, name: str) -> go.Heatmap:
    rows = [
        [confusion["true_negatives"], confusion["false_positives"]],
        [confusion["false_negatives"], confusion["true_positives"]],
    ]
    shares = [[count / sum(row) if sum(row) else None for count in row] for row in rows]
    texts = [
        [f"{count:,}" if share is None else f"{count:,}<br>{share:.1%}" for count, share in zip(*pair, strict=True)]
        for pair in zip(rows, shares, strict=True)
    ]
    return go.Heatmap(
        name=name,
        x=ORDER,
        y=ORDER,
        z=shares,
        customdata=rows,
        text=texts,
        texttemplate="%{text}",
        textfont={"size": 20, "color": INK},
        hovertemplate="true label %{y}<br>called %{x}<br>%{customdata} cells<extra></extra>",
        coloraxis="coloraxis",
        xgap=2,
        ygap=2,
    )
