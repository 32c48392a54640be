"""What may be promised of subjects that nobody has met, and how many subjects such a promise takes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COVERAGES = np.arange(20, 101, 5) / 100
"""Shares of the cells, the surest first, that are tried as what a model may decide alone."""


def bound_error(is_wrong: NDArray[np.bool_], groups: NDArray[Any], *, confidence_level: float) -> float:
    """Bound the share of wrong cells among those of new subjects from above; without cells the bound is 1.

    The share is that of the cells, or the mean over the subject groups where this is larger. However many cells it has,
    a group counts as one observation in the bound of Clopper and Pearson (Biometrika 26, 1934), with a fractional count
    (Korn and Graubard, 1998): one that is wrong altogether has to be met before its like can be known of.
    """
    from scipy.special import betaincinv

    if len(is_wrong) == 0:
        return 1.0
    _, number = np.unique(groups, return_inverse=True)
    shares = np.bincount(number, weights=is_wrong) / np.bincount(number)
    share, n = max(float(is_wrong.mean()), float(shares.mean())), len(shares)
    return float(betaincinv(n * share + 1, n * (1 - share), confidence_level)) if share < 1 else 1.0


def count_groups_needed(max_error: float, *, confidence_level: float) -> int:
    """Count the subject groups without which `bound_error` exceeds an error, though none of their cells is wrong."""
    return math.ceil(math.log(1 - confidence_level) / math.log1p(-max_error))


def choose_min_confidence(
    cells: pd.DataFrame, *, max_residual_error: float, confidence_level: float
) -> tuple[float | None, list[dict[str, Any]]]:
    """Choose the confidence above which no more of the calls on new subjects are wrong than wanted, 0 to 1.

    The surest cells are tried first, then ever more (`COVERAGES`), until the bound exceeds what is wanted: nothing is
    picked as the best of many, and each trial may use the whole level (Angelopoulos et al., "Learn then test", 2021).
    What is tried first depends on no label. Cells whose confidence is NaN are never decided alone.

    Returns:
        The least confidence that is decided alone (0 when no cell needs an expert, None when no confidence is enough);
        and the trials in order, none where there are too few groups.
    """
    rated = cells[cells["confidence"].notna()]
    confidence, groups = rated["confidence"].to_numpy(dtype=np.float64), pd.factorize(rated["subject_group"])[0]
    is_wrong = ~rated["is_right"].to_numpy(dtype=np.bool_)
    needed = count_groups_needed(max_residual_error, confidence_level=confidence_level)
    descending = np.sort(confidence)[::-1]
    chosen, trials = None, []
    for coverage in COVERAGES if len(rated) else ():
        # when none of these cells needs an expert, neither does one that is less sure than all of them
        least = 0.0 if coverage == 1 else float(descending[math.ceil(coverage * len(rated)) - 1])
        decided = confidence >= least
        n_groups = len(np.unique(groups[decided]))
        if n_groups < needed:
            continue
        bound = bound_error(is_wrong[decided], groups[decided], confidence_level=confidence_level)
        trials.append({"coverage": float(coverage), "min_confidence": least, "n_groups": n_groups, "bound": bound})
        if bound > max_residual_error:
            break
        chosen = least
    return chosen, trials


def explain_referral(plan: Mapping[str, Any]) -> str:
    """Write in a sentence what a plan of `plan_referral` promises, or why every cell goes to an expert."""
    wanted, level = _percent(plan["max_residual_error"]), _percent(plan["confidence_level"])
    if not plan["trials"]:
        return (
            f"Every cell goes to an expert: to promise ({level} confidence) that at most {wanted} of the calls on new "
            f"subjects are wrong takes {plan['n_groups_needed']} subject groups with validation cells, even if no call "
            f"on them is wrong, and there are {plan['n_groups']}."
        )
    first = plan["trials"][0]
    if not plan["attainable"]:
        return (
            f"Every cell goes to an expert: of the surest {_percent(first['coverage'])} of the validation cells, from "
            f"{first['n_groups']} subject groups, up to {_percent(first['bound'])} of such calls may be wrong on new "
            f"subjects ({level} confidence), and at most {wanted} is wanted."
        )
    least = plan["min_confidence"]
    decided = f"Calls with a confidence of {least:.3f} or more are" if least else "Every call is"
    return (
        f"{decided} decided alone: for an average new subject at most {wanted} of them are wrong ({level} confidence, "
        f"from {plan['n_groups']} subject groups)."
    )


def explain_sensitivity(point: Mapping[str, Any]) -> str:
    """Write in a sentence what sensitivity an operating point can promise where it is not the wanted one, else ""."""
    promise = point.get("promise")
    if promise is None or promise["sensitivity"] >= point["wanted"]["min_sensitivity"]:
        return ""
    wanted, level = _percent(point["wanted"]["min_sensitivity"]), _percent(promise["confidence_level"])
    needed, n_groups = promise["n_groups_needed"], promise["n_groups"]
    remedy = "ask for more than is needed (evaluation.min_sensitivity)"
    if n_groups < needed:
        remedy = f"validate on {needed} or more, and {remedy}"
    return (
        f"Of an average new subject's blasts the threshold is sure to find {_percent(promise['sensitivity'])} ({level} "
        f"confidence), not the {wanted} wanted: it was chosen on {n_groups} subject group{'s' * (n_groups != 1)} with "
        f"blasts. To promise {wanted}, {remedy}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
