"""Figures of results. Every function returns its figure; only the catalog saves one.

A drawing library is imported when a figure is first asked for, so what draws nothing loads nothing.
"""

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "confusion": ["draw_confusion_matrices"],
        "contact_sheet": ["SheetCell", "draw_contact_sheet"],
        "importances": ["draw_importances"],
        "learning_curve": ["draw_learning_curve"],
        "roc": ["draw_roc_curves"],
    },
)
