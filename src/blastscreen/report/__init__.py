"""The report of a run, as one HTML page, and the model card."""

from blastscreen.report.card import write_model_card
from blastscreen.report.page import render_report

__all__ = ["render_report", "write_model_card"]
