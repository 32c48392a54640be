"""Impurity beside permutation importance."""

import string
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import GREY, INK, OUTLINE, PALETTE, finish, note_on, side_by_side

LINE_HEIGHT = 32
TOP, BOTTOM = 130, 290
LEGEND_BELOW = 115


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
        for trace, column in _traces(members, letter=str(letter)):
            figure.add_trace(trace, row=1, col=column)
    plotted = LINE_HEIGHT * (len(features) - 1) + 12
    height, below = plotted + TOP + BOTTOM, LEGEND_BELOW / plotted
    title = f"{model}: impurity and permutation importance of each feature"
    finish(figure, note=note_on(metrics), title=title, height=height, t=TOP, l=190, b=BOTTOM)
    legend = {"y": -below, "yanchor": "top", "x": 0, "tracegroupgap": 2}
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


def _traces(members: pd.DataFrame, *, letter: str) -> Iterator[tuple[go.Bar | go.Scatter, int]]:
    """Make the traces of one group, each with the column of its panel."""
    colour = PALETTE[string.ascii_uppercase.find(letter) % len(PALETTE)] if letter else GREY
    features = members["feature"].tolist()
    bars = {"y": features, "orientation": "h", "marker": {"color": colour}, "legendgroup": letter}
    together = "<br>".join(textwrap.wrap(" + ".join(features), width=100))
    name = f"({letter}) correlated: {together}" if letter else "features on their own"
    yield go.Bar(**bars, x=members["impurity_importance"].tolist(), name=name), 1
    spread = {"type": "data", "array": members["permutation_std"].tolist(), "color": INK}
    values = members["permutation_importance"].tolist()
    yield go.Bar(**bars, x=values, error_x=spread, name=letter, showlegend=False), 2
    if letter:
        spread = spread | {"array": members["group_std"].tolist()}
        yield (
            go.Scatter(
                x=members["group_importance"].tolist(),
                y=features,
                error_x=spread,
                mode="markers",
                marker={"symbol": "diamond", "size": 11, "color": colour, "line": OUTLINE},
                name=f"({letter}) as a whole",
                legendgroup=letter,
                showlegend=False,
            ),
            2,
        )
