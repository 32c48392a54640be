"""Loss and AUROC of a network from epoch to epoch."""

from collections.abc import Iterator, Mapping
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
            for trace in _traces(epochs, measure, seed=str(seed), colour=colour):
                figure.add_trace(trace.update(showlegend=column == 1), row=1, col=column)
    title = f"{model}: loss and AUROC from epoch to epoch"
    finish(figure, title=title, note=note_on(metrics), height=560, legend_below=0.16, b=110)
    figure.update_xaxes(title="epoch", tickformat="d", rangemode="tozero")
    for column, text in enumerate(MEASURES.values(), start=1):
        figure.update_yaxes(title=text, col=column)
    # a network that calls at random has an AUROC of a half
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dash", "width": 1}, col=2)
    return figure


def _traces(epochs: pd.DataFrame, measure: str, *, seed: str, colour: str) -> Iterator[go.Scatter]:
    """Make one measure's curves of one network, and its star."""
    for split, style in STYLES.items():
        points = {"x": epochs["epoch"].tolist(), "y": epochs[f"{split}_{measure}"].tolist()}
        line, name = {"color": colour, **style}, f"{split}, seed {seed}"
        hover = "epoch %{x}: %{y:.3f}"
        yield go.Scatter(**points, mode="lines", name=name, legendgroup=seed, line=line, hovertemplate=hover)
    kept = epochs[epochs["kept"]]
    points = {"x": kept["epoch"].tolist(), "y": kept[f"validation_{measure}"].tolist()}
    star = {"symbol": "star", "size": 16, "color": colour, "line": {"color": INK, "width": 1}}
    hover, name = "kept: epoch %{x}, %{y:.3f}", f"kept, seed {seed}"
    yield go.Scatter(**points, mode="markers", name=name, legendgroup=seed, marker=star, hovertemplate=hover)
