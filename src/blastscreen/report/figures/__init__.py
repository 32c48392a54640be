"""Figures of results. Every function returns its figure; only the catalog saves one."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from blastscreen.models import ModelKind
from blastscreen.report.figures.calls import draw_confusion_matrices, draw_roc_curves, draw_subjects
from blastscreen.report.figures.confidence import draw_calibration, draw_referral
from blastscreen.report.figures.interval_chart import draw_comparison, draw_published
from blastscreen.report.figures.learning import draw_importances, draw_learning_curve
from blastscreen.report.figures.protocol_audit import draw_area_correlations, draw_audit


@dataclass(frozen=True)
class Drawing:
    """A figure, and where the report shows it.

    Attributes:
        draw: Its arguments are named as the entries that it reads. One that takes a `model` (its title) draws a figure
            for each model, and reads `<model>_<argument>`; `**metrics` stands for those of every model.
        section: Id of a section of the report. The figures of the audit are drawn by pipeline `audit`.
        shows: For readers who don't see it.
        numbers: Entry (of the model) that holds its numbers, where no table of the section does.
        kinds: Models that have it.
    """

    draw: Callable[..., go.Figure]
    section: str
    shows: str
    numbers: str = ""
    kinds: frozenset[ModelKind] = frozenset(ModelKind)


FIGURES = {
    "comparison": Drawing(
        draw_comparison,
        "performance",
        "Eight metrics of each model on the test cells with intervals, and the differences between models. False "
        "positive rate, F1 score of blasts and Brier score are in the tables only.",
    ),
    "confusion": Drawing(
        draw_confusion_matrices,
        "performance",
        "True labels against calls, for validation and test cells, as counts and shares of the true label.",
    ),
    "roc": Drawing(
        draw_roc_curves,
        "performance",
        "Sensitivity against false positive rate over all thresholds; the markers show the threshold in use.",
        numbers="predictions",
    ),
    "learning_curve": Drawing(
        draw_learning_curve,
        "performance",
        "Loss and AUROC over the epochs of training, on training and validation cells.",
        numbers="history",
        kinds=frozenset({ModelKind.NETWORK}),
    ),
    "calibration": Drawing(
        draw_calibration,
        "calibration",
        "Share of blasts among cells of like probability; on the diagonal, probabilities are what they say.",
        numbers="calibration",
    ),
    "referral": Drawing(
        draw_referral,
        "referral",
        "Share of wrong calls among the cells decided alone, as more and more of them are.",
        numbers="referral",
    ),
    "subjects": Drawing(
        draw_subjects,
        "subjects",
        "A point for every subject: the share of its cells that was called rightly.",
        numbers="subjects",
    ),
    "importances": Drawing(
        draw_importances,
        "importances",
        "Impurity importance and permutation importance of every feature, alone and in correlated groups.",
        kinds=frozenset({ModelKind.TABULAR}),
    ),
    "audit": Drawing(
        draw_audit,
        "audit",
        "AUROC of every seed under four protocols: split by image or by subject, whole frame or cell only.",
        numbers="audit_results",
    ),
    "area_correlations": Drawing(
        draw_area_correlations,
        "audit",
        "Correlation of every feature with the area of the cell, measured on frame and cell.",
    ),
    "published": Drawing(
        draw_published,
        "paper",
        "The paper's rates, as printed and as recomputed from its tables, beside ours with intervals.",
    ),
}
"""Every figure by its entry: `<name>_figure`, or `<model>_<name>_figure`. The only list of figures."""
