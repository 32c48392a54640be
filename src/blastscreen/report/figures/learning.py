"""What a model learned: loss and AUROC from epoch to epoch, impurity beside permutation importance."""

import string
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import GREY, INK, OUTLINE, PALETTE, finish, note_on, side_by_side

MEASURES = {"loss": "loss", "auroc": "AUROC"}
# training is drawn thin and dotted, so that the line that decides stands out
STYLES = {"train": {"dash": "dot", "width": 2}, "validation": {"dash": "solid", "width": 3}}
LINE_HEIGHT = 32
TOP, BOTTOM = 130, 290
LEGEND_BELOW = 115


def draw_learning_curve(history: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw loss and AUROC of the training and validation cells over the epochs, one colour per seed.

    A star marks the epoch whose weights each network ended with.
    """
    figure = side_by_side(["", ""], gap=0.09, shared_yaxes=False)
    for number, (seed, epochs) in enumerate(history.sort_values("epoch").groupby("seed")):
        for column, measure in enumerate(MEASURES, start=1):
            for trace in _curves(epochs, measure, seed=str(seed), colour=PALETTE[number % len(PALETTE)]):
                figure.add_trace(trace.update(showlegend=column == 1), row=1, col=column)
    title = f"{model}: loss and AUROC from epoch to epoch"
    finish(figure, title=title, note=note_on(metrics), height=560, legend_below=0.16, b=110)
    figure.update_xaxes(title="epoch", tickformat="d", rangemode="tozero")
    for column, text in enumerate(MEASURES.values(), start=1):
        figure.update_yaxes(title=text, col=column)
    # a network that calls at random has an AUROC of a half
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dash", "width": 1}, col=2)
    return figure


def _curves(epochs: pd.DataFrame, measure: str, *, seed: str, colour: str) -> Iterator[go.Scatter]:
    """Make one measure's curves of one network, and its star."""
    for split, style in STYLES.items():
        points = {"x": epochs["epoch"].tolist(), "y": epochs[f"{split}_{measure}"].tolist(), "legendgroup": seed}
        line, hover = {"color": colour, **style}, "epoch %{x}: %{y:.3f}"
        yield go.Scatter(points, mode="lines", name=f"{split}, seed {seed}", line=line, hovertemplate=hover)
    kept = epochs[epochs["kept"]]
    points = {"x": kept["epoch"].tolist(), "y": kept[f"validation_{measure}"].tolist(), "legendgroup": seed}
    star = {"symbol": "star", "size": 16, "color": colour, "line": {"color": INK, "width": 1}}
    hover = "kept: epoch %{x}, %{y:.3f}"
    yield go.Scatter(points, mode="markers", name=f"kept, seed {seed}", marker=star, hovertemplate=hover)


def draw_importances(importances: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw both importances of every feature, coloured and lettered by group of correlated features.

    Left the impurity importances, right the permutation importances with their standard deviations and, for groups of
    several features, a diamond where the group was shuffled as a whole. A model without impurity importances (NaN) has
    none on the left.
    """
    letters = _letter_groups(importances["feature_group"])
    features = importances["feature"].tolist()
    figure = side_by_side(["impurity importance (training)", "permutation importance (validation)"])
    for letter, members in importances.groupby(letters):
        for trace, column in _bars(members, letter=str(letter)):
            figure.add_trace(trace, row=1, col=column)
    plotted = LINE_HEIGHT * (len(features) - 1) + 12
    title = f"{model}: impurity and permutation importance of each feature"
    finish(figure, note=note_on(metrics), title=title, height=plotted + TOP + BOTTOM, t=TOP, l=190, b=BOTTOM)
    legend = {"y": -LEGEND_BELOW / plotted, "yanchor": "top", "x": 0, "tracegroupgap": 2}
    figure.update_layout(bargap=0.3, barmode="overlay", legend=legend)
    figure.update_xaxes(title="share of impurity removed", tickformat=".0%", rangemode="tozero", col=1)
    lost = "AUROC lost when shuffled<br>(diamond: together with its group)"
    figure.update_xaxes(title=lost, zeroline=True, zerolinecolor=INK, col=2)
    texts = [f"{feature} ({letter})" if letter else feature for feature, letter in zip(features, letters, strict=True)]
    figure.update_yaxes(categoryorder="array", categoryarray=features, tickvals=features, ticktext=texts)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _letter_groups(groups: "pd.Series[str]") -> "pd.Series[str]":
    """Letter the groups of several features in the order in which they appear; a feature on its own has no letter."""
    shared = groups[groups.duplicated(keep=False)].unique()
    names = [*string.ascii_uppercase, *(str(number) for number in range(27, len(shared) + 1))]
    letters = dict(zip(shared, names, strict=False))
    return groups.map(lambda group: letters.get(group, ""))


def _bars(members: pd.DataFrame, *, letter: str) -> Iterator[tuple[go.Bar | go.Scatter, int]]:
    """Make the traces of one group, each with the column of its panel."""
    colour = PALETTE[string.ascii_uppercase.find(letter) % len(PALETTE)] if letter else GREY
    columns = {str(name): values.tolist() for name, values in members.items()}
    features = columns["feature"]
    bars = {"y": features, "orientation": "h", "marker": {"color": colour}, "legendgroup": letter}
    together = "<br>".join(textwrap.wrap(" + ".join(features), width=100))
    name = f"({letter}) correlated: {together}" if letter else "features on their own"
    yield go.Bar(bars, x=columns["impurity_importance"], name=name), 1
    spread = {"type": "data", "array": columns["permutation_std"], "color": INK}
    yield go.Bar(bars, x=columns["permutation_importance"], error_x=spread, name=letter, showlegend=False), 2
    if letter:
        whole = {"x": columns["group_importance"], "y": features, "legendgroup": letter, "showlegend": False}
        diamond = {"symbol": "diamond", "size": 11, "color": colour, "line": OUTLINE}
        marks = go.Scatter(whole, mode="markers", marker=diamond, name=f"({letter}) as a whole")
        yield marks.update(error_x=spread | {"array": columns["group_std"]}), 2
