"""What remains wrong among the cells decided alone, against how many those are."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from blastscreen.report.figures.style import (
    GREEN,
    GREY,
    INK,
    ORANGE,
    OUTLINE,
    PURPLE,
    SPLIT_COLOURS,
    SPLIT_DASHES,
    SPLIT_SYMBOLS,
    finish,
    note_on,
    side_by_side,
)
from blastscreen.vocabulary import EVALUATED_SPLITS, Split

# not the colours of the splits, which the curves beside have
FATES = {"decided rightly": GREEN, "decided wrongly": PURPLE, "referred": ORANGE}


def draw_referral(referral: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw the wrong calls that remain as fewer cells are referred, and what becomes of the cells under the plan.

    Left per split the risk-coverage curve, with a marker at the plan unless it refers every cell, and a line at the
    wanted error; right the shares of cells decided rightly, decided wrongly and referred. A split without cells is left
    out.
    """
    plans = {split: referral[split] for split in EVALUATED_SPLITS if referral[split]["n_cells"]}
    titles = ["if the least sure cells are referred", "under the plan"]
    figure = side_by_side(titles, gap=0.12, shared_yaxes=False, column_widths=[0.62, 0.38])
    for split, plan in plans.items():
        figure.add_trace(_curve(referral["curve"][split], plan, split=split), row=1, col=1)
        if plan["n_decided"]:
            figure.add_trace(_marker(plan, split=split), row=1, col=1)
    wanted = _percent(referral["max_residual_error"])
    line = {"x": [0, 1], "y": [referral["max_residual_error"]] * 2, "line": {"color": GREY, "dash": "dot", "width": 2}}
    figure.add_scatter(**line, mode="lines", name=f"wanted at most: {wanted}", hoverinfo="skip", row=1, col=1)
    for fate, colour in FATES.items():
        figure.add_trace(_bars(plans, fate=fate, colour=colour), row=1, col=2)
    title = f"{model}: {wanted} wrong or fewer {_describe_plan(referral)}"
    finish(figure, note=note_on(referral), title=title, height=660, legend_below=0.17, b=170)
    figure.update_layout(barmode="stack", bargap=0.4, legend_traceorder="normal")
    figure.update_xaxes(title="coverage: share of cells decided alone", tickformat=".0%", range=[-0.01, 1.01], col=1)
    figure.update_yaxes(title="wrong calls among them", tickformat=".0%", rangemode="tozero", col=1)
    figure.update_yaxes(title="share of cells", tickformat=".0%", range=[0, 1], col=2)
    return figure


def _describe_plan(referral: Mapping[str, Any]) -> str:
    if not referral["attainable"]:
        return "can't be promised: all cells are referred"
    if referral["min_confidence"] == 0:
        return "on new subjects: no cell is referred"
    return f"on new subjects from a confidence of {referral['min_confidence']:.3f} upwards"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


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


def _marker(plan: Mapping[str, Any], *, split: Split) -> go.Scatter:
    return go.Scatter(
        x=[plan["coverage"]],
        y=[plan["selective_risk"]],
        mode="markers",
        name=f"{split}: the plan",
        marker={"color": SPLIT_COLOURS[split], "size": 14, "symbol": SPLIT_SYMBOLS[split], "line": OUTLINE},
        hovertemplate="%{x:.1%} decided alone, %{y:.1%} of them wrongly<extra></extra>",
    )


def _bars(plans: Mapping[Split, Mapping[str, Any]], *, fate: str, colour: str) -> go.Bar:
    counts = [_count_fates(plan)[fate] for plan in plans.values()]
    shares = [count / plan["n_cells"] for count, plan in zip(counts, plans.values(), strict=True)]
    return go.Bar(
        x=[str(split) for split in plans],
        y=shares,
        customdata=counts,
        # a sliver has no room for its number
        text=[f"{share:.0%}" if share >= 0.04 else "" for share in shares],
        textposition="inside",
        textangle=0,
        textfont={"color": INK},
        name=fate,
        marker={"color": colour},
        hovertemplate="%{customdata} cells, %{y:.1%}",
    )


def _count_fates(plan: Mapping[str, Any]) -> dict[str, int]:
    wrong = plan["missed_blasts_with"] + plan["false_alarms_with"]
    return dict(zip(FATES, (plan["n_decided"] - wrong, wrong, plan["n_referred"]), strict=True))
