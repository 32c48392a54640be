"""Look shared by all figures: dark on white, a palette that colour-blind readers can tell apart, a visible note."""

from html import escape

import plotly.graph_objects as go

from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel, Split

# Okabe & Ito (2008), "Color Universal Design"; black and grey are used for text and for what belongs to no group
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, YELLOW = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
)
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, YELLOW)
GREY = "#8C8C8C"
INK = "#1F1F1F"
LIGHT = "#E3E3E3"
# light enough at its far end for dark text
SHARES = ("#FFFFFF", "#6BAED6")

SPLIT_COLOURS = dict(zip(EVALUATED_SPLITS, (BLUE, VERMILION), strict=True))
SPLIT_DASHES = {Split.VALIDATION: "dash", Split.TEST: "solid"}
LABEL_TEXTS = {CellLabel.HEM: "hem (normal)", CellLabel.ALL: "all (blast)"}


def finish(figure: go.Figure, *, title: str, note: str, height: int) -> None:
    """Give a new plotly figure its title, its note and the common look.

    Args:
        figure: Changed in place: its maker is still drawing it.
        title: A sentence that says what is to be seen; it serves as alternative text too.
        note: Drawn below the title, "" for none.
        height: Pixels.
    """
    lines = [f"<b>{escape(title, quote=False)}</b>"]
    if note:
        lines.append(f"<span style='color:{VERMILION}'>{escape(note, quote=False)}</span>")
    figure.update_layout(
        # below plotly's own buttons, however high the figure
        title={"text": "<br>".join(lines), "x": 0.02, "xanchor": "left", "y": 1 - 40 / height, "yanchor": "top"},
        font={"family": "Arial, Helvetica, sans-serif", "size": 15, "color": INK},
        title_font_size=18,
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"t": 130, "b": 70, "l": 70, "r": 30},
        height=height,
    )
    figure.update_xaxes(showline=True, linecolor=INK, ticks="outside", gridcolor=LIGHT, zeroline=False)
    figure.update_yaxes(showline=True, linecolor=INK, ticks="outside", gridcolor=LIGHT, zeroline=False)
