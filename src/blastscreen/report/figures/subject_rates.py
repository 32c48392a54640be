"""Every subject with the share of its cells that are called rightly."""

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import INK, SPLIT_COLOURS, finish
from blastscreen.vocabulary import CellLabel, Split

PANELS = {
    CellLabel.ALL: ("subjects with blasts", "sensitivity: share of cells called blasts"),
    CellLabel.HEM: ("subjects with normal cells", "specificity: share of cells called normal"),
}
ORDER = (Split.TEST, Split.VALIDATION)
LINE_HEIGHT = 26
HEIGHT_AROUND = 300


def draw_subjects(subjects: pd.DataFrame, *, model: str, threshold: float, note: str) -> go.Figure:
    """Draw each subject's sensitivity or specificity, the classes side by side, the best on top.

    Args:
        subjects: Result of `describe_subjects`.
        model: Name of the model in words.
        threshold: The cut that the calls were made at, 0 to 1.
        note: Drawn below the title, "" for none.

    Returns:
        One line per subject and split, test above validation, with its number of cells; a hollow marker where the vote
        of its cells is wrong.
    """
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.2, subplot_titles=[_panel_title(subjects, label) for label in PANELS]
    )
    n_lines = 1
    for column, (label, (_, axis)) in enumerate(PANELS.items(), start=1):
        lines = _place(subjects[subjects["label"] == label])
        n_lines = max(n_lines, len(lines) + 1)
        for split in ORDER:
            figure.add_trace(
                _markers(lines[lines["split"] == split], split=split, legend=column == 1), row=1, col=column
            )
        figure.update_xaxes(title=axis, col=column)
        figure.update_yaxes(tickvals=lines["place"].tolist(), ticktext=lines["text"].tolist(), col=column)
    figure.add_trace(_wrong_vote(), row=1, col=1)
    title = f"{model}: how much its rates differ between subjects, at threshold {threshold:.3f}"
    finish(figure, title=title, note=note, height=HEIGHT_AROUND + LINE_HEIGHT * n_lines)
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.03])
    figure.update_yaxes(range=[n_lines - 0.4, -0.6], showgrid=False)
    # pixels below the plot, however high that is
    legend = {"orientation": "h", "y": -80 / (LINE_HEIGHT * n_lines), "yanchor": "top"}
    figure.update_layout(legend=legend, margin={"t": 170, "b": 130, "l": 110})
    return figure


def _panel_title(subjects: pd.DataFrame, label: CellLabel) -> str:
    lines = [PANELS[label][0]]
    for split in ORDER:
        rates = subjects[(subjects["label"] == label) & (subjects["split"] == split)]["rate"]
        if len(rates):
            span = f"{rates.min():.0%} to {rates.max():.0%}, median {rates.median():.0%}"
            lines.append(f"<span style='font-size:13px'>{split}: {span}</span>")
    return "<br>".join(lines)


def _place(subjects: pd.DataFrame) -> pd.DataFrame:
    """Give each subject its line, the best of a split on top, and its text; a free line parts the splits."""
    rank = {split: number for number, split in enumerate(ORDER)}
    ordered = subjects.assign(rank=subjects["split"].map(rank)).sort_values(
        ["rank", "rate", "n_cells", "subject_id"], ascending=[True, False, False, True], ignore_index=True
    )
    return ordered.assign(
        place=ordered.index + (ordered["rank"] != ordered["rank"].min()),
        text=[f"{escape(name)} (n={n:,})" for name, n in zip(ordered["subject_id"], ordered["n_cells"], strict=True)],
    )


def _markers(subjects: pd.DataFrame, *, split: Split, legend: bool) -> go.Scatter:
    colour = SPLIT_COLOURS[split]
    is_right = subjects["majority_call"] == subjects["label"]
    return go.Scatter(
        x=subjects["rate"].tolist(),
        y=subjects["place"].tolist(),
        # a stem from 0 to the marker
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0] * len(subjects),
            "arrayminus": subjects["rate"].tolist(),
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        customdata=subjects[["text", "n_right", "mean_probability"]].to_numpy(dtype=object).tolist(),
        mode="markers",
        name=str(split),
        legendgroup=split,
        showlegend=legend,
        marker={
            "size": 12,
            "symbol": "diamond" if split == Split.TEST else "circle",
            "color": [colour if right else "white" for right in is_right],
            "line": {"color": colour, "width": 2},
        },
        hovertemplate="%{customdata[0]}: %{customdata[1]} cells called rightly, %{x:.1%}<br>"
        "mean blast probability %{customdata[2]:.3f}",
    )


def _wrong_vote() -> go.Scatter:
    """Make the entry of the legend that explains hollow markers; it draws nothing."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        name="hollow: the vote of its cells is wrong",
        marker={"size": 12, "color": "white", "line": {"color": INK, "width": 2}},
    )
