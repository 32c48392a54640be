"""Confusion matrices of the validation and test cells."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from blastscreen.report.figures.style import INK, LABEL_TEXTS, SHARES, finish, note_on, side_by_side
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel

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
    threshold = metrics[EVALUATED_SPLITS[0]]["threshold"]
    title = f"{model}: true labels against calls at threshold {threshold:.3f}"
    finish(figure, note=note_on(metrics), title=title, height=480)
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
