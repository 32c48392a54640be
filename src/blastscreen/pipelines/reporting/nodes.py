"""Nodes of pipeline `reporting`."""

from typing import Any

import pandas as pd

from blastscreen import plots
from blastscreen.cell_index import note_on_source
from blastscreen.gallery import choose_sheet_cells
from blastscreen.imaging.stack import CellStack
from blastscreen.parameters import EvaluationParameters, ReportingParameters


def note_source(cell_index: pd.DataFrame) -> str:
    """Say what must stand on every figure of these cells."""
    return note_on_source(cell_index)


def draw_cells(cell_index: pd.DataFrame, cell_images: CellStack, settings: ReportingParameters, note: str) -> Any:
    """Show cells of both classes and flagged ones, with their masks."""
    cells = choose_sheet_cells(cell_index, cell_images, per_group=settings.sheet_cells)
    title = "Cells that came in, with the outline of their masks"
    return plots.draw_contact_sheet(cells, columns=settings.sheet_columns, title=title, note=note)


def draw_confusion(metrics: dict[str, Any], settings: EvaluationParameters, model: str, note: str) -> Any:
    """Draw a model's right and wrong calls."""
    return plots.draw_confusion_matrices(metrics, model=model, threshold=settings.threshold, note=note)


def draw_roc(
    predictions: pd.DataFrame, metrics: dict[str, Any], settings: EvaluationParameters, model: str, note: str
) -> Any:
    """Draw a model's sensitivity against its false positive rate."""
    return plots.draw_roc_curves(predictions, metrics, model=model, threshold=settings.threshold, note=note)


def draw_learning_curve(history: pd.DataFrame, model: str, note: str) -> Any:
    """Draw how a network's training went."""
    return plots.draw_learning_curve(history, model=model, note=note)


def draw_forest_importances(importances: pd.DataFrame, note: str) -> Any:
    """Draw what the forest goes by."""
    return plots.draw_importances(importances, model="random forest", note=note)
