"""Loss and AUROC of a network from epoch to epoch."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import GREY, INK, PALETTE, finish

MEASURES = {"loss": "loss", "auroc": "AUROC"}
# training is drawn thin and dotted, so that the line that decides stands out
STYLES = {"train": {"dash": "dot", "width": 2}, "validation": {"dash": "solid", "width": 3}}


def draw_learning_curve(history: pd.DataFrame, *, model: str, note: str) -> go.Figure:
    """Draw loss and AUROC of the training and validation cells over the epochs, one colour per network.

    Args:
        history: seed, epoch, train_loss, train_auroc, validation_loss, validation_auroc, kept; in any order.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        Left the loss, right the AUROC; a star marks the epoch whose weights each network ended with.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.09)
    for number, (seed, epochs) in enumerate(history.sort_values("epoch").groupby("seed")):
        colour = PALETTE[number % len(PALETTE)]
        for column, measure in enumerate(MEASURES, start=1):
            for trace in _traces(epochs, measure, seed=str(seed), colour=colour, legend=column == 1):
                figure.add_trace(trace, row=1, col=column)
    finish(figure, title=f"{model}: loss and AUROC from epoch to epoch", note=note, height=560)
    for column, text in enumerate(MEASURES.values(), start=1):
        figure.update_xaxes(title="epoch", tickformat="d", rangemode="tozero", col=column)
        figure.update_yaxes(title=text, col=column)
    # a network that calls at random has an AUROC of a half
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dash", "width": 1}, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.16, "yanchor": "top"}, margin_b=110)
    return figure


def _traces(epochs: pd.DataFrame, measure: str, *, seed: str, colour: str, legend: bool) -> list[go.Scatter]:
    """Make one measure's curves of one network, and its star."""
    common = {"legendgroup": seed, "showlegend": legend}
    curves = [
        go.Scatter(
            **common,
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
        **common,
        x=kept["epoch"].tolist(),
        y=kept[f"validation_{measure}"].tolist(),
        mode="markers",
        name=f"kept, seed {seed}",
        marker={"symbol": "star", "size": 16, "color": colour, "line": {"color": INK, "width": 1}},
        hovertemplate="kept: epoch %{x}, %{y:.3f}",
    )
    return [*curves, star]
