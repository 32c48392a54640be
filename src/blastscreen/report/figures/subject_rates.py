"""Every subject with the share of its cells that are called rightly."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures.style import (
    INK,
    SPLIT_COLOURS,
    SPLIT_SYMBOLS,
    error_bars,
    finish,
    note_on,
    side_by_side,
)
from blastscreen.vocabulary import CellLabel, Split

PANELS = {
    CellLabel.ALL: ("subjects with blasts", "sensitivity: share of cells called blasts"),
    CellLabel.HEM: ("subjects with normal cells", "specificity: share of cells called normal"),
}
ORDER = (Split.TEST, Split.VALIDATION)
LINE_HEIGHT = 26
TOP, BOTTOM = 170, 130


def draw_subjects(subjects: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw each subject's sensitivity or specificity, the classes side by side, the best on top.

    One line per subject and split, test above validation, with its number of cells; a hollow marker where the vote of
    its cells is wrong.
    """
    titles = [_panel_title(subjects[subjects["label"] == label], text) for label, (text, _) in PANELS.items()]
    figure = side_by_side(titles, gap=0.2, shared_yaxes=False)
    n_lines = 1
    for column, (label, (_, axis)) in enumerate(PANELS.items(), start=1):
        lines = _place(subjects[subjects["label"] == label])
        n_lines = max(n_lines, len(lines) + 1)
        for split in ORDER:
            markers = _markers(lines[lines["split"] == split], split=split)
            figure.add_trace(markers.update(showlegend=column == 1), row=1, col=column)
        figure.update_xaxes(title=axis, col=column)
        figure.update_yaxes(tickvals=lines["place"].tolist(), ticktext=lines["text"].tolist(), col=column)
    # an entry of the legend that draws nothing
    hollow = {"size": 12, "color": "white", "line": {"color": INK, "width": 2}}
    nothing = go.Scatter(x=[None], y=[None], mode="markers", name="hollow: the vote of its cells is wrong")
    figure.add_trace(nothing.update(marker=hollow), row=1, col=1)
    threshold, plotted = metrics[Split.TEST]["threshold"], LINE_HEIGHT * n_lines
    title = f"{model}: how much its rates differ between subjects, at threshold {threshold:.3f}"
    height, below = plotted + TOP + BOTTOM, 80 / plotted
    finish(figure, note=note_on(metrics), title=title, height=height, legend_below=below, t=TOP, b=BOTTOM, l=110)
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.03])
    figure.update_yaxes(range=[n_lines - 0.4, -0.6], showgrid=False)
    return figure


def _panel_title(subjects: pd.DataFrame, text: str) -> str:
    lines = [text]
    for split in ORDER:
        rates = subjects.loc[subjects["split"] == split, "rate"]
        if len(rates):
            span = f"{rates.min():.0%} to {rates.max():.0%}, median {rates.median():.0%}"
            lines.append(f"<span style='font-size:13px'>{split}: {span}</span>")
    return "<br>".join(lines)


def _place(subjects: pd.DataFrame) -> pd.DataFrame:
    """Add to each subject its line, the best of a split on top, and its text; a free line parts the splits."""
    rank = {split: number for number, split in enumerate(ORDER)}
    ordered = subjects.assign(rank=subjects["split"].map(rank)).sort_values(
        ["rank", "rate", "n_cells", "subject_id"], ascending=[True, False, False, True], ignore_index=True
    )
    return ordered.assign(
        place=ordered.index + (ordered["rank"] != ordered["rank"].min()),
        text=[f"{escape(name)} (n={n:,})" for name, n in zip(ordered["subject_id"], ordered["n_cells"], strict=True)],
    )


def _markers(subjects: pd.DataFrame, *, split: Split) -> go.Scatter:
    colour, rates = SPLIT_COLOURS[split], subjects["rate"].tolist()
    stems = [{"low": 0.0, "high": rate} for rate in rates]
    is_right = subjects["majority_call"] == subjects["label"]
    return go.Scatter(
        x=rates,
        y=subjects["place"].tolist(),
        error_x=error_bars(rates, stems, color=colour, thickness=2, width=0),
        customdata=subjects[["text", "n_right", "mean_probability"]].to_numpy(dtype=object).tolist(),
        mode="markers",
        name=str(split),
        legendgroup=split,
        marker={
            "size": 12,
            "symbol": SPLIT_SYMBOLS[split],
            "color": [colour if right else "white" for right in is_right],
            "line": {"color": colour, "width": 2},
        },
        hovertemplate="%{customdata[0]}: %{customdata[1]} cells called rightly, %{x:.1%}<br>"
        "mean blast probability %{customdata[2]:.3f}",
    )
