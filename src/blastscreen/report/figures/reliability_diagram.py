"""Reliability diagrams before and after calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import GREY, SPLIT_COLOURS, SPLIT_DASHES, finish
from blastscreen.vocabulary import EVALUATED_SPLITS, Split


def draw_calibration(calibration: Mapping[str, Any], *, model: str, note: str) -> go.Figure:
    """Draw the share of blasts against the probability that was given, before and after calibration.

    Args:
        calibration: Result of `describe_calibration`.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        Left the scores as they are, right after the method in use; per split ten bins of cells with their intervals,
        and the diagonal where a probability can be taken at its word. A split without cells is left out.
    """
    panels = list(calibration["bins"])
    figure = make_subplots(
        rows=1,
        cols=len(panels),
        subplot_titles=[_panel_title(calibration, method) for method in panels],
        shared_yaxes=True,
        horizontal_spacing=0.06,
    )
    for column, method in enumerate(panels, start=1):
        figure.add_trace(_diagonal(legend=column == 1), row=1, col=column)
        for split in EVALUATED_SPLITS:
            if bins := calibration["bins"][method][split]:
                figure.add_trace(_reliability(bins, split=split, legend=column == 1), row=1, col=column)
    title = f"{model}: can its probabilities be taken at their word?"
    finish(figure, title=title, note=note, height=680)
    figure.update_xaxes(title="mean probability of a blast, as given", range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="share of blasts, as found", col=1)
    figure.update_layout(legend={"orientation": "h", "y": -0.16, "yanchor": "top"}, margin={"t": 170, "b": 110})
    return figure


def _panel_title(calibration: Mapping[str, Any], method: str) -> str:
    lines = ["scores as they are" if method == "none" else f"after {method} calibration"]
    for split in EVALUATED_SPLITS:
        rates = calibration["methods"][method][split]
        if rates["brier"] is not None:
            text = f"{split}: Brier {rates['brier']:.3f}, ECE {rates['ece']:.3f}"
            lines.append(f"<span style='font-size:13px'>{text}</span>")
    return "<br>".join(lines)


def _diagonal(*, legend: bool) -> go.Scatter:
    return go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="as it should be",
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
        showlegend=legend,
    )


def _reliability(bins: Sequence[Mapping[str, Any]], *, split: Split, legend: bool) -> go.Scatter:
    fractions = [part["blast_fraction"] for part in bins]
    return go.Scatter(
        x=[part["mean_probability"] for part in bins],
        y=fractions,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [_reach(part, "high") for part in bins],
            "arrayminus": [_reach(part, "low") for part in bins],
            "thickness": 1.5,
            "width": 3,
        },
        customdata=[[part["low"], part["high"], part["n_cells"], part["n_groups"]] for part in bins],
        mode="lines+markers",
        name=f"{split} (fitted here)" if split == Split.VALIDATION else str(split),
        legendgroup=split,
        showlegend=legend,
        line={"color": SPLIT_COLOURS[split], "dash": SPLIT_DASHES[split], "width": 2},
        marker={"size": 9, "symbol": "diamond" if split == Split.TEST else "circle"},
        hovertemplate="probability %{customdata[0]:.3f} to %{customdata[1]:.3f}, mean %{x:.3f}<br>"
        "%{y:.1%} are blasts<br>%{customdata[2]} cells of %{customdata[3]} subject groups",
    )


def _reach(part: Mapping[str, Any], side: str) -> float:
    """Measure from a share to the end of its interval; nothing is drawn where there is none."""
    interval = part["interval"]
    return abs(interval[side] - part["blast_fraction"]) if interval else 0.0
