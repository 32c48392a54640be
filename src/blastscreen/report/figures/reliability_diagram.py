"""Reliability diagrams before and after calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from blastscreen.report.figures.style import (
    GREY,
    SPLIT_COLOURS,
    SPLIT_DASHES,
    SPLIT_SYMBOLS,
    error_bars,
    finish,
    note_on,
    side_by_side,
)
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Split


def draw_calibration(calibration: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw the share of blasts against the probability that was given, before and after calibration.

    Left the scores as they are, right after the method in use; per split ten bins of cells with their intervals. On the
    diagonal a probability can be taken at its word. A split without cells is left out.
    """
    panels = calibration["bins"]
    figure = side_by_side([_panel_title(method, calibration["methods"][method]) for method in panels], gap=0.06)
    for column, splits in enumerate(panels.values(), start=1):
        figure.add_trace(_diagonal().update(showlegend=column == 1), row=1, col=column)
        for split in EVALUATED_SPLITS:
            if splits[split]:
                curve = _reliability(splits[split], split=split)
                figure.add_trace(curve.update(showlegend=column == 1), row=1, col=column)
    title = f"{model}: can its probabilities be taken at their word?"
    finish(figure, note=note_on(calibration), title=title, height=680, legend_below=0.16, t=170, b=110)
    figure.update_xaxes(title="mean probability of a blast, as given", range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="share of blasts, as found", col=1)
    return figure


def _panel_title(method: str, errors: Mapping[str, Any]) -> str:
    lines = ["scores as they are" if method == Calibration.NONE else f"after {method} calibration"]
    for split in EVALUATED_SPLITS:
        if errors[split]["brier"] is not None:
            text = f"{split}: Brier {errors[split]['brier']:.3f}, ECE {errors[split]['ece']:.3f}"
            lines.append(f"<span style='font-size:13px'>{text}</span>")
    return "<br>".join(lines)


def _diagonal() -> go.Scatter:
    line = {"color": GREY, "dash": "dot"}
    return go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="as it should be", line=line, hoverinfo="skip")


def _reliability(bins: Sequence[Mapping[str, Any]], *, split: Split) -> go.Scatter:
    fractions = [part["blast_fraction"] for part in bins]
    return go.Scatter(
        x=[part["mean_probability"] for part in bins],
        y=fractions,
        error_y=error_bars(fractions, [part["interval"] for part in bins], thickness=1.5, width=3),
        customdata=[[part["low"], part["high"], part["n_cells"], part["n_groups"]] for part in bins],
        mode="lines+markers",
        name=f"{split} (fitted here)" if split == Split.VALIDATION else str(split),
        legendgroup=split,
        line={"color": SPLIT_COLOURS[split], "dash": SPLIT_DASHES[split], "width": 2},
        marker={"size": 9, "symbol": SPLIT_SYMBOLS[split]},
        hovertemplate="probability %{customdata[0]:.3f} to %{customdata[1]:.3f}, mean %{x:.3f}<br>"
        "%{y:.1%} are blasts<br>%{customdata[2]} cells of %{customdata[3]} subject groups",
    )
