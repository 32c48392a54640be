"""Nodes of pipeline `reporting`."""

from typing import Any

import pandas as pd

from blastscreen.cohort.index import note_on_source
from blastscreen.evaluation import comparison, published
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.parameters import EvaluationParameters, ReportingParameters
from blastscreen.report import card, examples, page
from blastscreen.report.figures import (
    confusion_matrices,
    contact_sheet,
    interval_chart,
    learning_curve,
    published_check,
    reliability_diagram,
    risk_coverage,
    roc,
    subject_rates,
)
from blastscreen.report.figures.importances import draw_importances
from blastscreen.report.sheet import choose_sheet_cells
from blastscreen.vocabulary import Split


def draw_cells(cell_index: pd.DataFrame, cell_images: CellStack, settings: ReportingParameters) -> Any:
    """Show cells of both classes and flagged ones, with their masks."""
    note = note_on_source(cell_index)
    cells = choose_sheet_cells(cell_index, cell_images, per_group=settings.sheet_cells)
    title = "Cells that came in, with the outline of their masks"
    return contact_sheet.draw_contact_sheet(cells, columns=settings.sheet_columns, title=title, note=note)


def draw_confusion(predictions: pd.DataFrame, metrics: dict[str, Any], model: str) -> Any:
    """Draw a model's right and wrong calls."""
    return confusion_matrices.draw_confusion_matrices(metrics, model=model, note=note_on_source(predictions))


def draw_roc(predictions: pd.DataFrame, metrics: dict[str, Any], model: str) -> Any:
    """Draw a model's sensitivity against its false positive rate."""
    return roc.draw_roc_curves(predictions, metrics, model=model, note=note_on_source(predictions))


def draw_calibration(calibration: dict[str, Any], predictions: pd.DataFrame, model: str) -> Any:
    """Draw how far a model's probabilities can be believed."""
    return reliability_diagram.draw_calibration(calibration, model=model, note=note_on_source(predictions))


def draw_referral(referral: dict[str, Any], predictions: pd.DataFrame, model: str) -> Any:
    """Draw what is left wrong when doubtful cells go to an expert."""
    return risk_coverage.draw_referral(referral, model=model, note=note_on_source(predictions))


def draw_subjects(subjects: pd.DataFrame, metrics: dict[str, Any], predictions: pd.DataFrame, model: str) -> Any:
    """Draw how well a model does on each subject."""
    threshold, note = metrics[Split.TEST]["threshold"], note_on_source(predictions)
    return subject_rates.draw_subjects(subjects, model=model, threshold=threshold, note=note)


def draw_learning_curve(history: pd.DataFrame, predictions: pd.DataFrame, model: str) -> Any:
    """Draw how a network's training went."""
    return learning_curve.draw_learning_curve(history, model=model, note=note_on_source(predictions))


def compare_models(settings: EvaluationParameters, **stored: Any) -> dict[str, Any]:
    """Compare every two models on the test cells that both have scored."""
    points = of_models(stored, "operating_point")
    thresholds = {model: point["threshold"] for model, point in points.items()}
    return comparison.compare_models(
        of_models(stored, "predictions"), thresholds, confidence_level=settings.confidence_level
    )


def draw_comparison(
    compared: dict[str, Any], predictions: pd.DataFrame, model_names: dict[str, str], **stored: Any
) -> Any:
    """Draw the models side by side."""
    metrics, note = of_models(stored, "metrics"), note_on_source(predictions)
    return interval_chart.draw_comparison(compared, metrics, models=model_names, note=note)


def check_published(facts: dict[str, Any]) -> dict[str, Any]:
    """Recompute what the paper prints."""
    return published.check_published(facts)


def draw_published(check: dict[str, Any], model_names: dict[str, str], **stored: Any) -> Any:
    """Draw the paper's rates beside ours."""
    return published_check.draw_published(check, of_models(stored, "metrics"), models=model_names)


def of_models(stored: dict[str, Any], what: str) -> dict[str, Any]:
    """Pick one result of every model from entries named `<model>_<what>`, by model."""
    return {name.removesuffix(f"_{what}"): value for name, value in stored.items() if name.endswith(f"_{what}")}


def draw_forest_importances(importances: pd.DataFrame, predictions: pd.DataFrame) -> Any:
    """Draw what the forest goes by."""
    note = note_on_source(predictions)
    return draw_importances(importances, model="random forest", note=note)


def gather_errors(settings: ReportingParameters, model: str, **stored: Any) -> dict[str, Any]:
    """Gather the wrong calls that a model is surest of."""
    return examples.gather_errors(**stored, model=model, n_cells=settings.error_cells, explain=None)


def gather_network_errors(settings: ReportingParameters, model: str, network: Any, **stored: Any) -> dict[str, Any]:
    """Gather the wrong calls that a network is surest of, with maps of what drove them."""
    explain = examples.explain_network(network)
    return examples.gather_errors(**stored, model=model, n_cells=settings.error_cells, explain=explain)


def render_report(parameters: dict[str, Any], **stored: Any) -> str:
    """Write the report of the run as one HTML page."""
    return page.render_report(stored, parameters=parameters)


def write_model_card(parameters: dict[str, Any], **stored: Any) -> str:
    """Say in Markdown what the models are for, what they are worth, and what they are not."""
    return card.write_model_card(stored, parameters=parameters)
