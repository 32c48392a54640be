"""What every protocol reaches, how much each choice flatters, and which features repeat the area of the cell."""

import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.experiments.protocols import compare_protocols
from blastscreen.models import MODELS
from blastscreen.report.figures import style
from blastscreen.report.figures.style import GREY, INK, PALETTE, finish, note_on, side_by_side
from blastscreen.vocabulary import Region, SplitStrategy

SPLIT_TEXTS = {
    SplitStrategy.SUBJECT: "split by subject",
    SplitStrategy.SOURCE_FOLD: "split by fold",
    SplitStrategy.IMAGE: "split by image",
}
REGION_TEXTS = {Region.FRAME: "whole frame", Region.CELL: "cell's own pixels"}
REGION_MARKERS = {
    Region.FRAME: {"symbol": "diamond", "color": style.VERMILION, "size": 14},
    Region.CELL: {"symbol": "circle", "color": style.BLUE, "size": 10},
}
CORRELATIONS = {"pearson": "Pearson's correlation", "spearman": "Spearman's rank correlation"}
# of the height of a row, shared by the models and their seeds
_BAND = 0.8
_LABEL_WIDTH = 20


def draw_audit(results: pd.DataFrame) -> go.Figure:
    """Draw the AUROC of every protocol above, and the AUROC gained by every choice below.

    A dot per seed, a diamond at their mean, whose value stands on the right; a band and a colour per model.
    """
    strategies, regions = results["strategy"].map(SPLIT_TEXTS), results["region"].map(REGION_TEXTS)
    differences = compare_protocols(results)
    panels = {
        "AUROC of cells that were held out": results.assign(row=strategies + ", " + regions),
        "AUROC gained by the choice, same seed": differences.assign(row=differences["choice"]),
    }
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=0.2)
    for number, (title, table) in enumerate(panels.items(), start=1):
        rows = list(dict.fromkeys(table["row"]))
        for trace in _model_traces(table, rows):
            figure.add_trace(trace.update(showlegend=number == 1), row=number, col=1)
        labels = ["<br>".join(textwrap.wrap(row, _LABEL_WIDTH)) for row in rows]
        figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, row=number)
        figure.update_yaxes(range=[len(rows) - 0.5, -0.5], row=number)
        figure.update_xaxes(title=title, row=number)
    title = "How much each choice of the protocol flatters"
    finish(figure, note=note_on(results), title=title, height=860, legend_below=0.12, l=220, r=90, b=120)
    _write_means(figure)
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(tickformat=".2f")
    figure.add_vline(x=0, line={"color": INK, "width": 1}, row=2, col=1)
    return figure


def _model_traces(table: pd.DataFrame, rows: Sequence[str]) -> Iterator[go.Scatter]:
    """Make the traces of one panel: per model its seeds, one below the other so that none hides another, and means."""
    by_model = table.groupby("model", sort=False)
    height = _BAND / by_model.ngroups
    for number, (model, of_model) in enumerate(by_model):
        middle = -_BAND / 2 + (number + 0.5) * height
        shifts = of_model["seed"].rank(method="dense") / (of_model["seed"].nunique() + 1) - 0.5
        places = of_model["row"].map(rows.index) + middle + height * shifts
        name, colour = MODELS[str(model)].title, {"color": PALETTE[number % len(PALETTE)]}
        dots = go.Scatter(x=of_model["auroc"].tolist(), y=places.tolist(), mode="markers", legendgroup=name)
        dots.update(name=f"{name}: a dot per seed", marker=colour | {"size": 7, "opacity": 0.55})
        yield dots.update(
            customdata=of_model["seed"].tolist(), hovertemplate="seed %{customdata}: %{x:.3f}<extra></extra>"
        )
        means = of_model.groupby("row", sort=False)["auroc"].mean()
        middles = [rows.index(row) + middle for row in means.index]
        diamonds = go.Scatter(x=means.tolist(), y=middles, mode="markers", legendgroup=name, name=f"{name}: mean")
        diamonds.update(marker=colour | {"symbol": "diamond", "size": 13, "line": style.OUTLINE})
        yield diamonds.update(hovertemplate="mean %{x:.3f}<extra></extra>")


def _write_means(figure: go.Figure) -> None:
    """Write every mean on the right of its panel, where no dot is in the way."""
    for trace in figure.select_traces({"marker.symbol": "diamond"}):
        place = {"x": 1.01, "xref": "paper", "xanchor": "left", "yref": trace.yaxis, "showarrow": False}
        for x, y in zip(trace.x, trace.y, strict=True):
            text = f"<b>{x:+.3f}</b>" if trace.yaxis == "y2" else f"<b>{x:.3f}</b>"
            figure.add_annotation(**place, y=y, text=text, font={"color": trace.marker.color})


def draw_area_correlations(correlations: pd.DataFrame) -> go.Figure:
    """Draw the correlation of every feature with the area of the cell, measured over each region.

    The features with the strongest correlation over the whole frame stand on top, a line between the two regions. What
    is not defined is not drawn.
    """
    of_frame = correlations[correlations["region"] == Region.FRAME].set_index("feature")["pearson"]
    features = of_frame.abs().sort_values(ascending=False, kind="stable").index.tolist()
    figure = side_by_side(list(CORRELATIONS.values()), gap=0.06)
    for column, method in enumerate(CORRELATIONS, start=1):
        values = correlations.pivot_table(index="feature", columns="region", values=method, dropna=False)
        for trace in _dumbbells(values.loc[features]):
            figure.add_trace(trace.update(showlegend=column == 1 and trace.mode == "markers"), row=1, col=column)
    panel = 30 * len(features) + 20
    title = "How much each feature repeats the area of the cell"
    height, below = panel + 130 + 120, 66 / panel
    finish(figure, note=note_on(correlations), title=title, height=height, legend_below=below, l=170, b=120)
    figure.update_xaxes(range=[-1.08, 1.08], tickvals=[-1, -0.5, 0, 0.5, 1], title="correlation with the cell's area")
    figure.update_xaxes(zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=features, gridcolor=style.LIGHT)
    return figure


def _dumbbells(values: pd.DataFrame) -> Iterator[go.Scatter]:
    # a line from end to end for every feature, and a break between features
    ends = values[list(REGION_MARKERS)].astype(object).where(values.notna(), None).assign(end=None)
    places = ends.index.repeat(ends.shape[1]).tolist()
    line = {"x": ends.to_numpy().ravel().tolist(), "y": places, "line": {"color": GREY, "width": 2}}
    yield go.Scatter(line, mode="lines", hoverinfo="skip")
    for region, marker in REGION_MARKERS.items():
        known = values[region].dropna()
        points = go.Scatter(x=known.tolist(), y=known.index.tolist(), mode="markers", marker=marker)
        points.update(name=f"features of the {REGION_TEXTS[region]}", legendgroup=region.value)
        yield points.update(hovertemplate="%{y}: %{x:.2f}")
