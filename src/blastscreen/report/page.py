"""The report: one HTML file that needs nothing but itself."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from plotly.offline import get_plotlyjs

import blastscreen
from blastscreen.compute.environment import describe_environment
from blastscreen.report.answer import describe_answer
from blastscreen.report.charts import DARK, Chart, prepare_chart
from blastscreen.report.cohort_section import describe_flow
from blastscreen.report.decisions import describe_calibration, describe_referral, describe_subjects, warn_of_calibration
from blastscreen.report.evidence import describe_audit, describe_importances, describe_paper
from blastscreen.report.performance import describe_performance
from blastscreen.report.provenance import describe_checklist, describe_provenance
from blastscreen.report.study import Study, open_study
from blastscreen.report.text import html_environment

SECTIONS = {
    "answer": "The answer",
    "cohort": "Which cells were used",
    "performance": "Performance",
    "calibration": "Are the probabilities right?",
    "referral": "Which cells go to an expert",
    "subjects": "Subject by subject",
    "errors": "What the models get wrong",
    "importances": "What the models go by",
    "audit": "How much a protocol flatters",
    "paper": "The paper's numbers",
    "limits": "Limits",
    "provenance": "Provenance",
    "checklist": "Reporting checklist",
}
"""Ids and headings of the sections, in order."""

_CHARTS = {
    "comparison": "Eight metrics of each model on the test cells with intervals, and the differences between models. "
    "False positive rate, F1 score of blasts and Brier score are in the tables only.",
    "confusion": "True labels against calls, for validation and test cells, as counts and shares of the true label.",
    "roc": "Sensitivity against false positive rate over all thresholds; the markers show the threshold in use.",
    "learning_curve": "Loss and AUROC over the epochs of training, on training and validation cells.",
    "calibration": "Share of blasts among cells of like probability; on the diagonal, probabilities are what they say.",
    "referral": "Share of wrong calls among the cells decided alone, as more and more of them are.",
    "subjects": "A point for every subject: the share of its cells that was called rightly.",
    "importances": "Impurity importance and permutation importance of every feature, alone and in correlated groups.",
    "audit": "AUROC of every seed under four protocols: split by image or by subject, whole frame or cell only.",
    "area_correlations": "Correlation of every feature with the area of the cell, measured on frame and cell.",
    "published": "The paper's rates, as printed and as recomputed from its tables, beside ours with intervals.",
}
"""Kinds of figures and what each of them shows, for those who don't see it."""


_NUMBERS = {
    "roc": "predictions",
    "learning_curve": "history",
    "calibration": "calibration",
    "referral": "referral",
    "subjects": "subjects",
    "audit": "audit_results",
}
"""Entries (of a model, if the figure is one's) that hold numbers which no table shows."""


def render_report(entries: Mapping[str, Any], *, parameters: Mapping[str, Any]) -> str:
    """Write the report of a run.

    Args:
        entries: What the catalog entries hold, by their names. `cell_index`, `cell_splits`, `integrity_report` and one
            `<model>_metrics` at least are needed; a section says so when what it shows is not there.
        parameters: All parameters of the run. Models are those of `model_names` that have metrics.

    Returns:
        A whole HTML page. It asks for nothing from elsewhere, and forbids itself to.
    """
    study = open_study(entries, parameters=parameters)
    scripts = {"plotly": get_plotlyjs(), "charts": _read("charts.js")}
    return (
        html_environment()
        .get_template("page.html")
        .render(
            study=study,
            sections=SECTIONS,
            models=study.models,
            policy=_forbid_network(scripts.values()),
            style=Markup(_read("style.css")),  # noqa: S704 - our own file
            scripts={name: Markup(script) for name, script in scripts.items()},  # noqa: S704 - plotly's and our own
            dark=htmlsafe_json_dumps(DARK),
            **_describe(study),
        )
    )


def _describe(study: Study) -> dict[str, Any]:
    environment = describe_environment(Path(blastscreen.__file__).parent)
    return {
        "answer": describe_answer(study),
        "flow": describe_flow(study),
        "performance": describe_performance(study),
        "calibrations": _per_model(study, describe_calibration),
        "calibration_warnings": _per_model(
            study, lambda study, model: warn_of_calibration(study, model) if study.get(f"{model}_calibration") else None
        ),
        "referrals": _per_model(study, describe_referral),
        "subjects": _per_model(study, describe_subjects),
        "errors": _per_model(study, lambda study, model: study.get(f"{model}_errors")),
        "importances": _per_model(study, describe_importances),
        "audit": describe_audit(study),
        "paper": describe_paper(study),
        "provenance": describe_provenance(study, environment),
        "checklist": describe_checklist(study),
        "charts": _prepare_charts(study),
    }


def _per_model(study: Study, describe: Callable[[Study, str], Any]) -> dict[str, Any]:
    """Describe each model that has something to describe."""
    described = {model: describe(study, model) for model in study.models}
    return {model: found for model, found in described.items() if found is not None}


def _prepare_charts(study: Study) -> dict[str, Chart]:
    names = [*_CHARTS, *(f"{model}_{kind}" for model in study.models for kind in _CHARTS)]
    charts = {name: _prepare_chart(study, name) for name in names}
    return {name: chart for name, chart in charts.items() if chart is not None}


def _prepare_chart(study: Study, name: str) -> Chart | None:
    kind = _kind(name, study)
    stored = _NUMBERS.get(kind)
    numbers = f"the catalog entry {name.removesuffix(kind)}{stored}" if stored else "the tables of this section"
    return prepare_chart(study, f"{name}_figure", description=_CHARTS[kind], numbers=numbers)


def _kind(name: str, study: Study) -> str:
    return next((name.removeprefix(f"{model}_") for model in study.models if name.startswith(f"{model}_")), name)


def _forbid_network(scripts: Any) -> str:
    """Write a content security policy that lets these scripts run and nothing else be loaded."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return (files("blastscreen.report") / "templates" / name).read_text(encoding="utf-8")
