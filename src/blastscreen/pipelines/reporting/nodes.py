"""Nodes of pipeline `reporting`."""

from typing import Any

import pandas as pd

from blastscreen import plots
from blastscreen.cell_index import note_on_source
from blastscreen.gallery import choose_sheet_cells
from blastscreen.imaging.stack import CellStack
from blastscreen.parameters import EvaluationParameters, ReportingParameters


def draw_cells(cell_index: pd.DataFrame, cell_images: CellStack, settings: ReportingParameters) -> Any:
    """Show cells of both classes and flagged ones, with their masks."""
    note = note_on_source(cell_index)
    cells = choose_sheet_cells(cell_index, cell_images, per_group=settings.sheet_cells)
    title = "Cells that came in, with the outline of their masks"
    return plots.draw_contact_sheet(cells, columns=settings.sheet_columns, title=title, note=note)


def draw_confusion(
    predictions: pd.DataFrame, metrics: dict[str, Any], settings: EvaluationParameters, model: str
) -> Any:
    """Draw a model's right and wrong calls."""
    note = note_on_source(predictions)
    return plots.draw_confusion_matrices(metrics, model=model, threshold=settings.threshold, note=note)


def draw_roc(predictions: pd.DataFrame, metrics: dict[str, Any], settings: EvaluationParameters, model: str) -> Any:
    """Draw a model's sensitivity against its false positive rate."""
    note = note_on_source(predictions)
    return plots.draw_roc_curves(predictions, metrics, model=model, threshold=settings.threshold, note=note)


def draw_learning_curve(history: pd.DataFrame, predictions: pd.DataFrame, model: str) -> Any:
    """Draw how a network's training went."""
    return plots.draw_learning_curve(history, model=model, note=note_on_source(predictions))


def draw_forest_importances(importances: pd.DataFrame, predictions: pd.DataFrame) -> Any:
    """Draw what the forest goes by."""
    note = note_on_source(predictions)
    return plots.draw_importances(importances, model="random forest", note=note)
