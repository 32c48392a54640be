from .calibration import calibrate, calibrate_predictions, describe_calibration, fit_calibration
from .comparison import compare_models
from .metrics import evaluate_cells, evaluate_predictions
from .operating_point import choose_operating_point
from .promise import explain_referral, explain_sensitivity
from .published import check_published
from .referral import plan_referral, triage_cells
from .subjects import count_votes, describe_subjects

__all__ = [
    "calibrate",
    "calibrate_predictions",
    "check_published",
    "choose_operating_point",
    "compare_models",
    "count_votes",
    "describe_calibration",
    "describe_subjects",
    "evaluate_cells",
    "evaluate_predictions",
    "explain_referral",
    "explain_sensitivity",
    "fit_calibration",
    "plan_referral",
    "triage_cells",
]
