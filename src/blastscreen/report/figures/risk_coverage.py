"""What remains wrong among the cells decided alone, against how many those are."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from blastscreen.report.figures.style import GREEN, GREY, INK, ORANGE, PURPLE, SPLIT_COLOURS, SPLIT_DASHES, finish
from blastscreen.vocabulary import EVALUATED_SPLITS, Split

# not the colours of the splits, which the curves beside have
FATES = {"right": GREEN, "wrong": PURPLE, "referred": ORANGE}


def draw_referral(referral: Mapping[str, Any], *, model: str, note: str) -> go.Figure:
    """Draw the wrong calls that remain as fewer cells are referred, and what the plan makes of the cells.

    Args:
        referral: Result of `plan_referral`.
        model: Name of the model in words.
        note: Drawn below the title, "" for none.

    Returns:
        Left per split the risk-coverage curve, with a marker at the plan unless it refers every cell, and a line at the
        wanted error; right the shares of cells decided rightly, decided wrongly and referred. A split without cells is
        left out.
    """
    splits = [split for split in EVALUATED_SPLITS if referral[split]["n_cells"]]
    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.62, 0.38],
        horizontal_spacing=0.12,
        subplot_titles=["if the least sure cells are referred", "under the plan"],
    )
    for split in splits:
        figure.add_trace(_curve(referral["curve"][split], referral[split], split=split), row=1, col=1)
        if referral[split]["n_decided"]:
            figure.add_trace(_plan(referral[split], split=split), row=1, col=1)
    figure.add_trace(_wanted(referral["max_residual_error"]), row=1, col=1)
    for fate, colour in FATES.items():
        figure.add_trace(_bars(referral, splits, fate=fate, colour=colour), row=1, col=2)
    finish(figure, title=f"{model}: {_say(referral)}", note=note, height=660)
    _label_axes(figure)
    return figure


def _say(referral: Mapping[str, Any]) -> str:
    wanted = _percent(referral["max_residual_error"])
    if not referral["attainable"]:
        return f"{wanted} wrong or fewer can't be promised: all cells are referred"
    if referral["min_confidence"] == 0:
        return f"{wanted} wrong or fewer on new subjects: no cell is referred"
    return f"{wanted} wrong or fewer on new subjects from a confidence of {referral['min_confidence']:.3f} upwards"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _label_axes(figure: go.Figure) -> None:
    figure.update_layout(
        barmode="stack",
        bargap=0.4,
        legend={"orientation": "h", "y": -0.17, "yanchor": "top", "traceorder": "normal"},
        margin_b=170,
    )
    figure.update_xaxes(title="coverage: share of cells decided alone", tickformat=".0%", range=[-0.01, 1.01], col=1)
    figure.update_yaxes(title="wrong calls among them", tickformat=".0%", rangemode="tozero", col=1)
    figure.update_yaxes(title="share of cells", tickformat=".0%", range=[0, 1], col=2)


def _wanted(share: float) -> go.Scatter:
    return go.Scatter(
        x=[0, 1],
        y=[share, share],
        mode="lines",
        name=f"wanted at most: {_percent(share)}",
        line={"color": GREY, "dash": "dot", "width": 2},
        hoverinfo="skip",
    )


def _curve(points: Sequence[Mapping[str, float]], plan: Mapping[str, Any], *, split: Split) -> go.Scatter:
    return go.Scatter(
        x=[point["coverage"] for point in points],
        y=[point["selective_risk"] for point in points],
        customdata=[point["min_confidence"] for point in points],
        mode="lines+markers" if len(points) == 1 else "lines",
        name=f"{split}: area {plan['aurc']:.3f} (best {plan['aurc_oracle']:.3f}, by chance {plan['aurc_random']:.3f})",
        line={"color": SPLIT_COLOURS[split], "dash": SPLIT_DASHES[split], "width": 3},
        hovertemplate="%{x:.1%} decided alone, %{y:.1%} of them wrongly<br>confidence %{customdata:.3f} or more"
        "<extra></extra>",
    )


def _plan(plan: Mapping[str, Any], *, split: Split) -> go.Scatter:
    return go.Scatter(
        x=[plan["coverage"]],
        y=[plan["selective_risk"]],
        mode="markers",
        name=f"{split}: the plan",
        marker={
            "color": SPLIT_COLOURS[split],
            "size": 14,
            "symbol": "diamond" if split == Split.TEST else "circle",
            "line": {"color": INK, "width": 1.5},
        },
        hovertemplate="%{x:.1%} decided alone, %{y:.1%} of them wrongly<extra></extra>",
    )


def _bars(referral: Mapping[str, Any], splits: Sequence[Split], *, fate: str, colour: str) -> go.Bar:
    counts = [_count(referral[split])[fate] for split in splits]
    shares = [count / referral[split]["n_cells"] for count, split in zip(counts, splits, strict=True)]
    return go.Bar(
        x=[str(split) for split in splits],
        y=shares,
        customdata=counts,
        # a sliver has no room for its number
        text=[f"{share:.0%}" if share >= 0.04 else "" for share in shares],
        textposition="inside",
        textangle=0,
        textfont={"color": INK},
        name="referred" if fate == "referred" else f"decided {fate}ly",
        marker={"color": colour},
        hovertemplate="%{customdata} cells, %{y:.1%}",
    )


def _count(plan: Mapping[str, Any]) -> dict[str, int]:
    wrong = plan["missed_blasts_with"] + plan["false_alarms_with"]
    return {"right": plan["n_decided"] - wrong, "wrong": wrong, "referred": plan["n_referred"]}
