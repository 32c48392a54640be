"""Calls of the validation and test cells: confusion matrices, ROC curves over all thresholds, shares by subject."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.report.figures import style
from blastscreen.report.figures.style import LABEL_TEXTS, error_bars, finish, note_on, side_by_side
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel, Split, mark_blasts

ORDER = [LABEL_TEXTS[CellLabel.HEM], LABEL_TEXTS[CellLabel.ALL]]
PANELS = {
    CellLabel.ALL: ("subjects with blasts", "sensitivity: share of cells called blasts"),
    CellLabel.HEM: ("subjects with normal cells", "specificity: share of cells called normal"),
}
SUBJECT_ORDER = (Split.TEST, Split.VALIDATION)
LINE_HEIGHT = 26
TOP, BOTTOM = 170, 130


def draw_confusion_matrices(metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw counts and row shares of right and wrong calls, one heatmap per split.

    A row (true label) adds up to 100 %, and is left blank where it has no cells.
    """
    splits = {split: metrics[split] for split in EVALUATED_SPLITS}
    titles = [f"{split}: {of['n_cells']:,} cells, {of['n_subjects']:,} subjects" for split, of in splits.items()]
    figure = side_by_side(titles, gap=0.06)
    for column, (split, of_split) in enumerate(splits.items(), start=1):
        figure.add_trace(_heatmap(of_split["confusion"], name=split), row=1, col=column)
    colorbar = {"title": {"text": "share of true label", "side": "right"}, "tickformat": ".0%"}
    figure.update_coloraxes(colorscale=style.SHARES, cmin=0, cmax=1, colorbar=colorbar)
    title = f"{model}: true labels against calls at threshold {metrics[Split.TEST]['threshold']:.3f}"
    finish(figure, title=title, note=note_on(metrics), height=480)
    figure.update_xaxes(title="called", showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    figure.update_yaxes(title="true label", col=1)
    return figure


def _heatmap(confusion: Mapping[str, int], *, name: str) -> go.Heatmap:
    normal = [confusion["true_negatives"], confusion["false_positives"]]
    rows = [normal, [confusion["false_negatives"], confusion["true_positives"]]]
    shares = [[count / sum(row) if sum(row) else None for count in row] for row in rows]
    hover = "true label %{y}<br>called %{x}<br>%{customdata} cells<extra></extra>"
    heatmap = go.Heatmap(x=ORDER, y=ORDER, z=shares, customdata=rows, name=name, coloraxis="coloraxis", xgap=2, ygap=2)
    texts = [[f"{count:,}<br>{count / sum(row):.1%}" if sum(row) else f"{count:,}" for count in row] for row in rows]
    large = {"size": 20, "color": style.INK}
    heatmap.update(text=texts, texttemplate="%{text}", textfont=large, hovertemplate=hover)
    return heatmap


def draw_roc_curves(predictions: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw sensitivity against false positive rate over all thresholds, and mark the threshold in use.

    A split that lacks a class has neither curve nor marker.
    """
    figure = go.Figure()
    for split in EVALUATED_SPLITS:
        if metrics[split]["auroc"] is not None:
            cells = predictions[predictions["split"] == split]
            figure.add_traces(_roc_traces(cells, metrics[split], split=split))
    chance = {"color": style.GREY, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line=chance, hoverinfo="skip")
    title = f"{model}: ROC curves of the validation and test cells"
    finish(figure, title=title, note=note_on(metrics), height=760)
    # a square, with the legend in the corner that a curve better than chance leaves free
    corner = {"x": 0.98, "xanchor": "right", "y": 0.03, "yanchor": "bottom"}
    figure.update_layout(width=680, legend=corner | {"bordercolor": style.LIGHT, "borderwidth": 1})
    figure.update_xaxes(title="false positive rate (normal cells called blasts)", range=[-0.01, 1.01])
    figure.update_yaxes(title="sensitivity (blasts called blasts)", range=[-0.01, 1.01])
    return figure


def _roc_traces(cells: pd.DataFrame, metrics: Mapping[str, Any], *, split: Split) -> list[go.Scatter]:
    from sklearn.metrics import roc_curve

    rates, sensitivities, thresholds = roc_curve(mark_blasts(cells["label"]), cells["blast_probability"])
    interval = metrics["intervals"].get("auroc")
    bounds = f" ({interval['low']:.2f} to {interval['high']:.2f})" if interval else ""
    hover = "FPR %{x:.1%}<br>sensitivity %{y:.1%}<extra></extra>"
    curve = go.Scatter(x=rates.tolist(), y=sensitivities.tolist(), mode="lines", line=style.SPLIT_LINES[split])
    # the first threshold of `roc_curve` is infinite, which JSON can't hold
    texts = [f"{threshold:.3f}" if threshold <= 1 else "above 1" for threshold in thresholds]
    curve.update(customdata=texts, hovertemplate=f"threshold %{{customdata}}<br>{hover}")
    in_use = {"x": [metrics["false_positive_rate"]], "y": [metrics["sensitivity"]], "hovertemplate": hover}
    marker = go.Scatter(in_use, mode="markers", marker=style.SPLIT_MARKERS[split])
    return [
        curve.update(name=f"{split}: AUROC {metrics['auroc']:.3f}{bounds}"),
        marker.update(name=f"{split} at threshold {metrics['threshold']:.3f}"),
    ]


def draw_subjects(subjects: pd.DataFrame, metrics: Mapping[str, Any], *, model: str) -> go.Figure:
    """Draw each subject's sensitivity or specificity, the classes side by side, the best on top.

    One line per subject and split, test above validation, with its number of cells; a hollow marker where the vote of
    its cells is wrong.
    """
    of_labels = {label: subjects[subjects["label"] == label] for label in PANELS}
    titles = [_summarise_rates(of_label, PANELS[label][0]) for label, of_label in of_labels.items()]
    figure = side_by_side(titles, gap=0.2, shared_yaxes=False)
    n_lines = 1
    for column, (label, of_label) in enumerate(of_labels.items(), start=1):
        lines = _place(of_label)
        n_lines = max(n_lines, len(lines) + 1)
        for split in SUBJECT_ORDER:
            markers = _markers(lines[lines["split"] == split], split=split)
            figure.add_trace(markers.update(showlegend=column == 1), row=1, col=column)
        figure.update_xaxes(title=PANELS[label][1], col=column)
        figure.update_yaxes(tickvals=lines["place"].tolist(), ticktext=lines["text"].tolist(), col=column)
    # an entry of the legend that draws nothing
    hollow = {"size": 12, "color": "white", "line": {"color": style.INK, "width": 2}}
    name = "hollow: the vote of its cells is wrong"
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=hollow, row=1, col=1)
    threshold, plotted = metrics[Split.TEST]["threshold"], LINE_HEIGHT * n_lines
    title = f"{model}: how much its rates differ between subjects, at threshold {threshold:.3f}"
    height, below = plotted + TOP + BOTTOM, 80 / plotted
    finish(figure, note=note_on(metrics), title=title, height=height, legend_below=below, t=TOP, b=BOTTOM, l=110)
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.03])
    figure.update_yaxes(range=[n_lines - 0.4, -0.6], showgrid=False)
    return figure


def _summarise_rates(subjects: pd.DataFrame, text: str) -> str:
    lines = [text]
    for split in SUBJECT_ORDER:
        rates = subjects.loc[subjects["split"] == split, "rate"]
        if len(rates):
            span = f"{rates.min():.0%} to {rates.max():.0%}, median {rates.median():.0%}"
            lines.append(f"<span style='font-size:13px'>{split}: {span}</span>")
    return "<br>".join(lines)


def _place(subjects: pd.DataFrame) -> pd.DataFrame:
    """Add to each subject its line, the best of a split on top, and its text; a free line parts the splits."""
    ranked = subjects.assign(rank=subjects["split"].map(SUBJECT_ORDER.index))
    by, ascending = ["rank", "rate", "n_cells", "subject_id"], [True, False, False, True]
    ordered = ranked.sort_values(by, ascending=ascending, ignore_index=True)
    return ordered.assign(
        place=ordered.index + (ordered["rank"] != ordered["rank"].min()),
        text=[f"{escape(name)} (n={n:,})" for name, n in zip(ordered["subject_id"], ordered["n_cells"], strict=True)],
    )


def _markers(subjects: pd.DataFrame, *, split: Split) -> go.Scatter:
    colour, rates = style.SPLIT_COLOURS[split], subjects["rate"].tolist()
    stems = error_bars(rates, [{"low": 0.0, "high": rate} for rate in rates], color=colour, thickness=2, width=0)
    is_right = subjects["majority_call"] == subjects["label"]
    look = {"size": 12, "symbol": style.SPLIT_SYMBOLS[split], "line": {"color": colour, "width": 2}}
    markers = go.Scatter(x=rates, y=subjects["place"].tolist(), mode="markers", name=str(split), legendgroup=split)
    shown = subjects[["text", "n_right", "mean_probability"]].to_numpy(dtype=object).tolist()
    hover = "%{customdata[0]}: %{customdata[1]} cells called rightly, %{x:.1%}<br>mean blast probability"
    markers.update(customdata=shown, hovertemplate=f"{hover} %{{customdata[2]:.3f}}", error_x=stems)
    markers.update(marker=look | {"color": [colour if right else "white" for right in is_right]})
    return markers
