"""Whether probabilities can be believed, and what remains wrong when the least sure calls go to an expert."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures import style
from blastscreen.report.figures.style import GREY, error_bars, finish, note_on, side_by_side
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Split

# not the colours of the splits, which the curves beside have
FATES = {"decided rightly": style.GREEN, "decided wrongly": style.PURPLE, "referred": style.ORANGE}
WANTED = {"mode": "lines", "line": {"color": GREY, "dash": "dot", "width": 2}, "hoverinfo": "skip"}


def draw_calibration(calibration: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw the share of blasts against the probability that was given, before and after calibration.

    Left the scores as they are, right after the method in use; per split ten bins of cells with their intervals. On the
    diagonal a probability can be taken at its word. A split without cells is left out.
    """
    panels = calibration["bins"]
    figure = side_by_side([_panel_title(method, calibration["methods"][method]) for method in panels], gap=0.06)
    for column, splits in enumerate(panels.values(), start=1):
        place = {"row": 1, "col": column}
        figure.add_scatter(x=[0, 1], y=[0, 1], name="as it should be", showlegend=column == 1, **WANTED, **place)
        for split in EVALUATED_SPLITS:
            if splits[split]:
                curve = _reliability(splits[split], split=split)
                figure.add_trace(curve.update(showlegend=column == 1), **place)
    title, note = f"{model}: can its probabilities be taken at their word?", note_on(calibration)
    finish(figure, title=title, note=note, height=680, legend_below=0.16, t=170, b=110)
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


def _reliability(bins: Sequence[Mapping[str, Any]], *, split: Split) -> go.Scatter:
    table = pd.DataFrame(bins)
    fractions = table["blast_fraction"].tolist()
    intervals = error_bars(fractions, [part["interval"] for part in bins], thickness=1.5, width=3)
    hover = "probability %{customdata[0]:.3f} to %{customdata[1]:.3f}, mean %{x:.3f}<br>%{y:.1%} are blasts<br>"
    curve = go.Scatter(x=table["mean_probability"].tolist(), y=fractions, error_y=intervals, mode="lines+markers")
    parts = table[["low", "high", "n_cells", "n_groups"]].to_numpy(object).tolist()
    curve.update(
        customdata=parts, hovertemplate=f"{hover}%{{customdata[2]}} cells of %{{customdata[3]}} subject groups"
    )
    curve.update(line=style.SPLIT_LINES[split] | {"width": 2}, marker={"size": 9, "symbol": style.SPLIT_SYMBOLS[split]})
    name = f"{split} (fitted here)" if split == Split.VALIDATION else str(split)
    curve.update(name=name, legendgroup=split)
    return curve


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
        figure.add_traces(_risk_traces(referral["curve"][split], plan, split=split), rows=1, cols=1)
    target = referral["max_residual_error"]
    wanted = f"{100 * target:.3g}%"
    figure.add_scatter(x=[0, 1], y=[target, target], name=f"wanted at most: {wanted}", **WANTED, row=1, col=1)
    for fate, colour in FATES.items():
        figure.add_trace(_bars(plans, fate=fate, colour=colour), row=1, col=2)
    title = f"{model}: {wanted} wrong or fewer {_describe_plan(referral)}"
    finish(figure, title=title, note=note_on(referral), height=660, legend_below=0.17, b=170)
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


def _risk_traces(points: Sequence[Mapping[str, float]], plan: Mapping[str, Any], *, split: Split) -> list[go.Scatter]:
    hover = "%{x:.1%} decided alone, %{y:.1%} of them wrongly"
    columns = {name: [point[name] for point in points] for name in ("coverage", "selective_risk", "min_confidence")}
    curve = go.Scatter(x=columns["coverage"], y=columns["selective_risk"], line=style.SPLIT_LINES[split])
    curve.update(customdata=columns["min_confidence"], mode="lines+markers" if len(points) == 1 else "lines")
    bounds = f"best {plan['aurc_oracle']:.3f}, by chance {plan['aurc_random']:.3f}"
    curve.update(hovertemplate=f"{hover}<br>confidence %{{customdata:.3f}} or more<extra></extra>")
    curve.update(name=f"{split}: area {plan['aurc']:.3f} ({bounds})")
    place = {"x": [plan["coverage"]], "y": [plan["selective_risk"]], "hovertemplate": f"{hover}<extra></extra>"}
    marker = go.Scatter(place, mode="markers", name=f"{split}: the plan", marker=style.SPLIT_MARKERS[split])
    return [curve, marker] if plan["n_decided"] else [curve]


def _bars(plans: Mapping[Split, Mapping[str, Any]], *, fate: str, colour: str) -> go.Bar:
    counts = [_count_fates(plan)[fate] for plan in plans.values()]
    shares = [count / plan["n_cells"] for count, plan in zip(counts, plans.values(), strict=True)]
    bars = go.Bar(x=[str(split) for split in plans], y=shares, customdata=counts, name=fate, marker={"color": colour})
    # a sliver has no room for its number
    texts = [f"{share:.0%}" if share >= 0.04 else "" for share in shares]
    bars.update(text=texts, textposition="inside", textangle=0, textfont={"color": style.INK})
    bars.update(hovertemplate="%{customdata} cells, %{y:.1%}")
    return bars


def _count_fates(plan: Mapping[str, Any]) -> dict[str, int]:
    wrong = plan["missed_blasts_with"] + plan["false_alarms_with"]
    return dict(zip(FATES, (plan["n_decided"] - wrong, wrong, plan["n_referred"]), strict=True))
