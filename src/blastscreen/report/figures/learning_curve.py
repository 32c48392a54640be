"""Loss and AUROC of a network from epoch to epoch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import GREY, INK, PALETTE, finish, note_on, side_by_side

MEASURES = {"loss": "loss", "auroc": "AUROC"}
# training is drawn thin and dotted, so that the line that decides stands out
STYLES = {"train": {"dash": "dot", "width": 2}, "validation": {"dash": "solid", "width": 3}}


def draw_learning_curve(history: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw loss and AUROC of the training and validation cells over the epochs, one colour per seed.

    A star marks the epoch whose weights each network ended with.
    """
    figure = side_by_side(["", ""], gap=0.09, shared_yaxes=False)
    for number, (seed, epochs) in enumerate(history.sort_values("epoch").groupby("seed")):
        colour = PALETTE[number % len(PALETTE)]
        for column, measure in enumerate(MEASURES, start=1):
            for trace in _traces(epochs, measure, seed=str(seed), colour=colour, legend=column == 1):
                figure.add_trace(trace, row=1, col=column)
    finish(
        figure,
        note=note_on(metrics),
        title=f"{model}: loss and AUROC from epoch to epoch",
        height=560,
        legend_below=0.16,
        b=110,
    )
    figure.update_xaxes(title="epoch", tickformat="d", rangemode="tozero")
    for column, text in enumerate(MEASURES.values(), start=1):
        figure.update_yaxes(title=text, col=column)
    # a network that calls at random has an AUROC of a half
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dash", "width": 1}, col=2)
    return figure


def _traces(epochs: pd.DataFrame, measure: str, *, seed: str, colour: str, legend: bool) -> list[go.Scatter]:
    """Make one measure's curves of one network, and its star."""
    curves = [
        go.Scatter(
            x=epochs["epoch"].tolist(),
            y=epochs[f"{split}_{measure}"].tolist(),
            mode="lines",
            name=f"{split}, seed {seed}",
            line={"color": colour, **style},
            hovertemplate="epoch %{x}: %{y:.3f}",
        )
        for split, style in STYLES.items()
    ]
    kept = epochs[epochs["kept"]]
    star = go.Scatter(
        x=kept["epoch"].tolist(),
        y=kept[f"validation_{measure}"].tolist(),
        mode="markers",
        name=f"kept, seed {seed}",
        marker={"symbol": "star", "size": 16, "color": colour, "line": {"color": INK, "width": 1}},
        hovertemplate="kept: epoch %{x}, %{y:.3f}",
    )
    return [trace.update(legendgroup=seed, showlegend=legend) for trace in (*curves, star)]
