"""Look shared by all figures: dark on white, a palette that colour-blind readers can tell apart, a visible note."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.cohort.index import note_on_source
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel, Split

# Okabe & Ito (2008), "Color Universal Design"; black and grey are used for text and for what belongs to no group
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, YELLOW)
GREY = "#8C8C8C"
INK = "#1F1F1F"
LIGHT = "#E3E3E3"
# light enough at its far end for dark text
SHARES = ("#FFFFFF", "#6BAED6")

SPLIT_COLOURS = dict(zip(EVALUATED_SPLITS, (BLUE, VERMILION), strict=True))
_DASHES = {Split.VALIDATION: "dash", Split.TEST: "solid"}
SPLIT_LINES = {split: {"color": SPLIT_COLOURS[split], "dash": dash, "width": 3} for split, dash in _DASHES.items()}
SPLIT_SYMBOLS = {Split.VALIDATION: "circle", Split.TEST: "diamond"}
LABEL_TEXTS = {CellLabel.HEM: "hem (normal)", CellLabel.ALL: "all (blast)"}
OUTLINE = {"color": INK, "width": 1.5}
SPLIT_MARKERS = {
    split: {"color": SPLIT_COLOURS[split], "size": 14, "symbol": symbol, "line": OUTLINE}
    for split, symbol in SPLIT_SYMBOLS.items()
}
TITLE_HEIGHT = 80
"""Pixels above a figure for its title."""


def side_by_side(titles: Sequence[str], *, gap: float = 0.05, shared_yaxes: bool = True, **options: Any) -> go.Figure:
    """Make a figure of panels in a row."""
    figure: go.Figure = make_subplots(
        rows=1, cols=len(titles), subplot_titles=titles, horizontal_spacing=gap, shared_yaxes=shared_yaxes, **options
    )
    return figure


def error_bars(
    values: Sequence[float], intervals: Sequence[Mapping[str, Any] | None], **look: object
) -> dict[str, object]:
    """Make bars that span the intervals around values, of no length where there is none."""
    pairs = list(zip(values, intervals, strict=True))
    above = [interval["high"] - value if interval else 0.0 for value, interval in pairs]
    below = [value - interval["low"] if interval else 0.0 for value, interval in pairs]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **look}


def finish(
    figure: go.Figure, *, title: str, note: str, height: int, legend_below: float | None = None, **margin: int
) -> None:
    """Add title (alternative text, too), note and the common look to a figure whose data are drawn, in place.

    Height and margins (t, b, l and r, where they are not the usual ones) are in pixels; `legend_below` puts the legend
    that far below the panels, as a share of their height.
    """
    lines = [f"<b>{escape(title, quote=False)}</b>"]
    if note:
        lines.append(f"<span style='color:{VERMILION}'>{escape(note, quote=False)}</span>")
    figure.update_layout(
        # below plotly's own buttons, however high the figure
        title={"text": "<br>".join(lines), "x": 0.02, "xanchor": "left", "y": 1 - 40 / height, "yanchor": "top"},
        font={"family": "Arial, Helvetica, sans-serif", "size": 15, "color": INK},
        margin={"t": 130, "b": 70, "l": 70, "r": 30} | margin,
    )
    figure.update_layout(title_font_size=18, paper_bgcolor="white", plot_bgcolor="white", height=height)
    if legend_below is not None:
        figure.update_layout(legend={"orientation": "h", "y": -legend_below, "yanchor": "top", "x": 0})
    for update_axes in (figure.update_xaxes, figure.update_yaxes):
        update_axes(showline=True, linecolor=INK, ticks="outside", gridcolor=LIGHT, zeroline=False)


def note_on(result: Mapping[str, Any] | pd.DataFrame) -> str:
    """Return what must stand on a figure of a result, by its `data_source`: that its cells were drawn, or ""."""
    if "data_source" not in result:
        return "unknown data source"
    return note_on_source(result if isinstance(result, pd.DataFrame) else result["data_source"])
