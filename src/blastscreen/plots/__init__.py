"""Figures of results. Every function returns its figure; only the catalog saves one.

A drawing library is imported when a figure is first asked for, so what draws nothing loads nothing.
"""

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit": ["draw_area_correlations", "draw_audit"],
        "calibration": ["draw_calibration"],
        "comparison": ["draw_comparison"],
        "confusion": ["draw_confusion_matrices"],
        "contact_sheet": ["SheetCell", "draw_contact_sheet"],
        "importances": ["draw_importances"],
        "learning_curve": ["draw_learning_curve"],
        "published": ["draw_published"],
        "referral": ["draw_referral"],
        "roc": ["draw_roc_curves"],
        "subjects": ["draw_subjects"],
    },
)
