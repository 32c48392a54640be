from .card import write_model_card
from .page import render_report

__all__ = [
    "render_report",
    "write_model_card",
]
