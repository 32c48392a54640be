"""Impurity beside permutation importance."""

import itertools
import string
import textwrap

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import GREY, INK, PALETTE, finish


def draw_importances(importances: pd.DataFrame, *, model: str, note: str) -> go.Figure:
    """Draw both importances of every feature, coloured and lettered by group of correlated features.

    Args:
        importances: Result of `measure_importances`.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        Left the impurity importances, right the permutation importances with their standard deviations and, for groups
        of several features, a diamond where the group was shuffled as a whole. Features in the order given, top down.
    """
    tagged = importances.assign(tag=_group_tags(importances["feature_group"]))
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        subplot_titles=["impurity importance (training)", "permutation importance (validation)"],
    )
    tags = [tag for tag in tagged["tag"].unique() if tag]
    colours = {tag: PALETTE[number % len(PALETTE)] for number, tag in enumerate(tags)} | {"": GREY}
    for tag, members in tagged.groupby("tag"):
        for trace, column in _traces(members, tag=str(tag), colour=colours[tag]):
            figure.add_trace(trace, row=1, col=column)
    finish(
        figure,
        title=f"{model}: impurity and permutation importance of each feature",
        note=note,
        height=max(880, 390 + 24 * len(tagged)),
    )
    _label_axes(figure, tagged)
    return figure


def _label_axes(figure: go.Figure, tagged: pd.DataFrame) -> None:
    figure.update_layout(
        bargap=0.3,
        barmode="overlay",
        legend={"y": -0.25, "yanchor": "top", "x": 0, "tracegroupgap": 2},
        margin={"l": 190, "b": 290},
    )
    figure.update_xaxes(title="share of impurity removed", tickformat=".0%", rangemode="tozero", col=1)
    figure.update_xaxes(
        title="AUROC lost when shuffled<br>(diamond: together with its group)", zeroline=True, zerolinecolor=INK, col=2
    )
    figure.update_yaxes(
        autorange="reversed",
        categoryorder="array",
        categoryarray=tagged["feature"].tolist(),
        tickvals=tagged["feature"].tolist(),
        ticktext=[f"{feature} {tag}".strip() for feature, tag in zip(tagged["feature"], tagged["tag"], strict=True)],
        showgrid=False,
    )


def _group_tags(feature_groups: pd.Series) -> pd.Series:
    """Letter the groups of several features "(A)", ... "(Z)", "(AA)", ... as they appear; others have no tag."""
    shared = feature_groups[feature_groups.duplicated(keep=False)].unique()
    letters = itertools.chain.from_iterable(itertools.product(string.ascii_uppercase, repeat=n) for n in (1, 2))
    tags = {group: f"({''.join(letter)})" for group, letter in zip(shared, letters, strict=False)}
    return feature_groups.map(lambda group: tags.get(group, ""))


def _traces(members: pd.DataFrame, *, tag: str, colour: str) -> list[tuple[go.Bar | go.Scatter, int]]:
    """Make the traces of one group, each with the column of its panel."""
    features = members["feature"].tolist()
    members_text = "<br>".join(textwrap.wrap(" + ".join(features), width=100))
    common = {"y": features, "orientation": "h", "marker": {"color": colour}, "legendgroup": tag}
    traces = [
        (
            go.Bar(
                **common,
                x=members["impurity_importance"].tolist(),
                name=f"{tag} correlated: {members_text}" if tag else "features on their own",
            ),
            1,
        ),
        (
            go.Bar(
                **common,
                x=members["permutation_importance"].tolist(),
                error_x={"type": "data", "array": members["permutation_std"].tolist(), "color": INK},
                name=tag,
                showlegend=False,
            ),
            2,
        ),
    ]
    if tag:
        traces.append((_group_diamonds(members, tag=tag, colour=colour), 2))
    return traces


def _group_diamonds(members: pd.DataFrame, *, tag: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=members["group_importance"].tolist(),
        y=members["feature"].tolist(),
        error_x={"type": "data", "array": members["group_std"].tolist(), "color": INK},
        mode="markers",
        marker={"symbol": "diamond", "size": 11, "color": colour, "line": {"color": INK, "width": 1.5}},
        name=f"{tag} as a whole",
        legendgroup=tag,
        showlegend=False,
    )
