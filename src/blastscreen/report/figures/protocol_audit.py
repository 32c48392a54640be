"""What every protocol reaches, how much each choice flatters, and which features repeat the area of the cell."""

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.cohort.index import note_on_source
from blastscreen.experiments.protocols import compare_protocols
from blastscreen.models import MODELS
from blastscreen.report.figures.style import BLUE, GREY, INK, LIGHT, PALETTE, VERMILION, finish
from blastscreen.vocabulary import Region, SplitStrategy

SPLIT_TEXTS = {SplitStrategy.SUBJECT: "split by subject", SplitStrategy.IMAGE: "split by image"}
REGION_TEXTS = {Region.CELL: "cell's own pixels", Region.FRAME: "whole frame"}
REGION_STYLES = {
    Region.FRAME: {"symbol": "diamond", "color": VERMILION, "size": 14},
    Region.CELL: {"symbol": "circle", "color": BLUE, "size": 10},
}
# of the height of a row, shared by the models and their seeds
_BAND = 0.8
_LABEL_WIDTH = 20


def draw_audit(results: pd.DataFrame) -> go.Figure:
    """Draw the AUROC of every protocol, and the AUROC gained by every choice, seed by seed.

    Args:
        results: In the schema `AUDIT`.

    Returns:
        Above the protocols, below the choices. A dot per seed, a diamond at their mean, which stands in figures on the
        right; a band and a colour per model.
    """
    differences = compare_protocols(results)
    names = [_name_protocol(*key) for key in zip(results["strategy"], results["region"], strict=True)]
    panels = {
        "AUROC of cells that were held out": results.assign(row=names),
        "AUROC gained by the choice, same seed": differences.assign(row=differences["choice"]),
    }
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=0.2)
    for number, (title, table) in enumerate(panels.items(), start=1):
        rows = list(dict.fromkeys(table["row"]))
        for trace in _model_traces(table, rows, legend=number == 1):
            figure.add_trace(trace, row=number, col=1)
        labels = ["<br>".join(textwrap.wrap(row, _LABEL_WIDTH)) for row in rows]
        figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, row=number)
        figure.update_yaxes(range=[len(rows) - 0.5, -0.5], row=number)
        figure.update_xaxes(title=title, row=number)
    finish(figure, title="How much each choice of the protocol flatters", note=note_on_source(results), height=860)
    _write_means(figure)
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(tickformat=".2f")
    figure.add_vline(x=0, line={"color": INK, "width": 1}, row=2, col=1)
    legend = {"orientation": "h", "y": -0.12, "yanchor": "top", "x": 0}
    figure.update_layout(legend=legend, margin={"l": 220, "r": 90, "b": 120})
    return figure


def _name_protocol(strategy: str, region: str) -> str:
    return f"{SPLIT_TEXTS[SplitStrategy(strategy)]}, {REGION_TEXTS[Region(region)]}"


def _model_traces(table: pd.DataFrame, rows: Sequence[str], *, legend: bool) -> list[go.Scatter]:
    """Make the traces of one panel: per model its seeds and its means."""
    models = list(dict.fromkeys(table["model"]))
    height = _BAND / len(models)
    traces = []
    for number, model in enumerate(models):
        of_model = table[table["model"] == model]
        look: dict[str, Any] = {
            "name": MODELS[model].title,
            "colour": PALETTE[number % len(PALETTE)],
            "showlegend": legend,
        }
        middle = -_BAND / 2 + (number + 0.5) * height
        traces += [
            _seeds(of_model, rows, middle=middle, height=height, **look),
            _means(of_model, rows, middle=middle, **look),
        ]
    return traces


def _seeds(
    of_model: pd.DataFrame,
    rows: Sequence[str],
    *,
    middle: float,
    height: float,
    name: str,
    colour: str,
    showlegend: bool,
) -> go.Scatter:
    # one below the other, so that none hides another
    place = of_model["seed"].rank(method="dense") / (of_model["seed"].nunique() + 1) - 0.5
    return go.Scatter(
        x=of_model["auroc"].tolist(),
        y=[rows.index(row) + middle + height * shift for row, shift in zip(of_model["row"], place, strict=True)],
        customdata=of_model["seed"].tolist(),
        mode="markers",
        name=f"{name}: a dot per seed",
        legendgroup=name,
        showlegend=showlegend,
        marker={"color": colour, "size": 7, "opacity": 0.55},
        hovertemplate="seed %{customdata}: %{x:.3f}<extra></extra>",
    )


def _means(
    of_model: pd.DataFrame, rows: Sequence[str], *, middle: float, name: str, colour: str, showlegend: bool
) -> go.Scatter:
    means = of_model.groupby("row", sort=False)["auroc"].mean()
    return go.Scatter(
        x=means.tolist(),
        y=[rows.index(row) + middle for row in means.index],
        mode="markers",
        name=f"{name}: mean",
        legendgroup=name,
        showlegend=showlegend,
        marker={"symbol": "diamond", "color": colour, "size": 13, "line": {"color": INK, "width": 1.5}},
        hovertemplate="mean %{x:.3f}<extra></extra>",
    )


def _write_means(figure: go.Figure) -> None:
    """Write every mean on the right of its panel, where no dot is in the way."""
    for trace in figure.select_traces({"marker.symbol": "diamond"}):
        signed = trace.yaxis == "y2"
        for x, y in zip(trace.x, trace.y, strict=True):
            figure.add_annotation(
                x=1.01,
                xref="paper",
                xanchor="left",
                y=y,
                yref=trace.yaxis,
                text=f"<b>{x:+.3f}</b>" if signed else f"<b>{x:.3f}</b>",
                font={"color": trace.marker.color},
                showarrow=False,
            )


def draw_area_correlations(correlations: pd.DataFrame) -> go.Figure:
    """Draw the correlation of every feature with the area of the cell, measured over each region.

    Args:
        correlations: In the schema `AREA_CORRELATIONS`; NaN is not drawn.

    Returns:
        Left Pearson's, right Spearman's; the features with the strongest correlation over the whole frame on top, a
        line between the two regions.
    """
    of_frame = correlations[correlations["region"] == Region.FRAME].set_index("feature")["pearson"]
    features = of_frame.abs().sort_values(ascending=False, kind="stable").index.tolist()
    titles = {"pearson": "Pearson's correlation", "spearman": "Spearman's rank correlation"}
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=list(titles.values())
    )
    for column, method in enumerate(titles, start=1):
        values = _by_region(correlations, method).loc[features]
        for trace in _dumbbells(values, legend=column == 1):
            figure.add_trace(trace, row=1, col=column)
    title, note = "How far each feature is redundant with the area of the cell", note_on_source(correlations)
    finish(figure, title=title, note=note, height=max(720, 220 + 24 * len(features)))
    figure.update_xaxes(range=[-1.08, 1.08], tickvals=[-1, -0.5, 0, 0.5, 1], title="correlation with the cell's area")
    figure.update_xaxes(zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=features, gridcolor=LIGHT)
    figure.update_layout(legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0}, margin={"l": 170, "b": 120})
    return figure


def _by_region(correlations: pd.DataFrame, method: str) -> pd.DataFrame:
    regions = correlations.groupby("region")
    return pd.DataFrame({region: rows.set_index("feature")[method] for region, rows in regions})


def _dumbbells(values: pd.DataFrame, *, legend: bool) -> list[go.Scatter]:
    ends = [
        (x, feature)
        for feature, row in values.astype(object).where(values.notna(), None).iterrows()
        for x in (row[Region.FRAME], row[Region.CELL], None)
    ]
    line = go.Scatter(
        x=[x for x, _ in ends],
        y=[feature for _, feature in ends],
        mode="lines",
        line={"color": GREY, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    marks = [
        go.Scatter(
            x=values[region].dropna().tolist(),
            y=values[region].dropna().index.tolist(),
            mode="markers",
            marker=style,
            name=f"features of the {REGION_TEXTS[region]}",
            legendgroup=region.value,
            showlegend=legend,
            hovertemplate="%{y}: %{x:.2f}",
        )
        for region, style in REGION_STYLES.items()
    ]
    return [line, *marks]
