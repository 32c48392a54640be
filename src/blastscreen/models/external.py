"""Cells from outside: scored by stored models, and evaluated where they are strangers to the training."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.cohort.fitness import list_reasons
from blastscreen.cohort.index import select_counted, select_readable
from blastscreen.cohort.names import natural_key
from blastscreen.cohort.soundness import CohortError, require_sound_cohort
from blastscreen.evaluation.calibration import calibrate, fit_calibration
from blastscreen.evaluation.promise import explain_referral
from blastscreen.evaluation.rates import evaluate_cells
from blastscreen.evaluation.referral import rate_calls, triage_cells
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import Calibration, Decision, Refusal, Status, count_noun, is_unfit, mark_blasts, name_some

# of a cell in a spreadsheet: what begins with one of these is run as a formula, or hides what follows
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")
_KEPT = ["image_id", "status", "reasons", "subject_id", "subject_group", "label", "data_source"]
_SCORED = ["blast_probability", "calibrated_probability", "call", "confidence", "decision"]


def require_strangers(external_index: pd.DataFrame, cell_index: pd.DataFrame) -> pd.DataFrame:
    """Refuse cells on which a model can't be evaluated: unlabelled ones, and people or pictures that its cohort had.

    People are recognised by their ids, pictures by their decoded pixels: a picture that was saved again with loss, of a
    person under another id, goes unnoticed. What passes is the files that were neither rejected nor set aside.

    Raises:
        CohortError: Every problem at once.
    """
    outside, cohort = select_readable(external_index), select_readable(cell_index)
    problems = [*filter(None, (_shared_subjects(outside, cohort), _shared_pictures(outside, cohort)))]
    try:
        require_sound_cohort(external_index)
    except CohortError as error:
        problems = [*error.args, *problems]
    if problems:
        raise CohortError(*(f"external images: {problem}" for problem in problems))
    return select_counted(external_index)


def _shared_subjects(outside: pd.DataFrame, cohort: pd.DataFrame) -> str | None:
    shared = sorted(set(outside["subject_id"].dropna()) & set(cohort["subject_id"].dropna()), key=natural_key)
    if not shared:
        return None
    n_cells = int(outside["subject_id"].isin(shared).sum())
    return (
        f"{count_noun(len(shared), 'subject')} with {count_noun(n_cells, 'cell')} of the cohort that the models were "
        f"made from: {name_some(shared)}. Take these subjects out; or, if they are other people who happen to have the "
        "same ids, rename them (UID_X1_... for UID_1_...)"
    )


def _shared_pictures(outside: pd.DataFrame, cohort: pd.DataFrame) -> str | None:
    originals = cohort.drop_duplicates("pixel_hash").set_index("pixel_hash")["image_id"]
    shared = outside[outside["pixel_hash"].isin(originals.index)].sort_values("image_id")
    if shared.empty:
        return None
    pairs = shared["image_id"] + " = " + shared["pixel_hash"].map(originals)
    return (
        f"{count_noun(len(shared), 'picture')} of the cohort that the models were made from: {name_some(pairs)}. Take "
        "their subjects out, all cells of them: they are the same people"
    )


def decide_on_files(
    external_index: pd.DataFrame,
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    operating_point: dict[str, Any],
    calibration: dict[str, Any],
    referral: dict[str, Any],
    training_range: dict[str, Any],
) -> pd.DataFrame:
    """Call, or refer, every file that has a score, by what was settled on the validation cells of the cohort.

    Scores are in the schema `EXTERNAL_SCORES`, duplicates left out; to the validation cells of the model's own
    predictions the calibration is fitted. The table, in the schema `EXTERNAL_PREDICTIONS`, has a row per file, also
    rejected ones.
    """
    scores = _share_scores(scores, external_index)
    scored = scores.dropna(subset="blast_probability").drop(columns="reasons")
    cells = scored.merge(external_index.drop(columns="reasons"), on="image_id", validate="1:1").assign(split="external")
    calibrator = fit_calibration(predictions, method=Calibration(calibration["chosen"]))
    probability = calibrate(calibrator, cells["blast_probability"].to_numpy(np.float64))
    reasons = list_reasons(external_index, training_range)
    rated = rate_calls(cells, probability, reasons, threshold=operating_point["threshold"])
    triage = triage_cells(rated, referral).rename(columns={"blast_probability": "calibrated_probability"})
    # of a cell on which the model must not decide, nothing is said that could be taken for a decision
    triage = triage.loc[triage["confidence"].notna(), ["image_id", *_SCORED[1:]]]
    files = external_index[_KEPT].assign(reasons=reasons.to_numpy())
    files = files.merge(scores.rename(columns={"reasons": "not_scored"}), on="image_id", how="left", validate="1:1")
    files["reasons"] = (files["reasons"] + ";" + files.pop("not_scored").fillna("")).str.strip(";")
    table = files.merge(triage, on="image_id", how="left", validate="1:1")
    is_open = table["decision"].isna() & (table["status"] != Status.REJECTED)
    table["decision"] = table["decision"].mask(is_open, str(Decision.REFER))
    return table.astype({"call": "str", "decision": "str"})[_KEPT + _SCORED]


def _share_scores(scores: pd.DataFrame, external_index: pd.DataFrame) -> pd.DataFrame:
    """Spread scores to all files of the same picture, which was scored once."""
    pictures = select_readable(external_index)[["image_id", "pixel_hash"]]
    scored = scores.merge(pictures, on="image_id", validate="1:1").drop(columns="image_id")
    scored = scored.drop_duplicates("pixel_hash")
    return pictures.merge(scored, on="pixel_hash", validate="m:1").drop(columns="pixel_hash")


def list_for_lab(external_predictions: pd.DataFrame, referral: dict[str, Any]) -> pd.DataFrame:
    """List what a laboratory needs of each file, in a form that a spreadsheet shows and never runs.

    Decision is empty for rejected files, probabilities where the model must not decide. `note` says why all are
    referred, where that is the plan.
    """
    columns = ["image_id", "decision", "confidence", "calibrated_probability", "status", "reasons", "data_source"]
    table = external_predictions[columns].round(4)
    note = "" if referral["attainable"] else explain_referral(referral)
    table["note"] = table["decision"].map({Decision.REFER.value: note}).fillna("").astype("str")
    for name in ("image_id", "decision", "status", "reasons", "data_source"):
        table[name] = table[name].map(_disarm, na_action="ignore")
    return table


def _disarm(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def evaluate_strangers(
    external_predictions: pd.DataFrame,
    strangers: pd.DataFrame,
    predictions: pd.DataFrame,
    cell_index: pd.DataFrame,
    operating_point: dict[str, Any],
    settings: EvaluationParameters,
) -> dict[str, Any]:
    """Describe a model's calls on strangers, of `require_strangers`, at the threshold that was settled before.

    Predictions and index are those of the cohort.

    Returns:
        data_source; n_files that came in, n_rejected and n_duplicate of them, n_unscored of the rest; n_unfit of the
        scored cells, n_referred (unfit ones included), coverage and selective_risk of the triage (None where there is
        nothing to be a share of); and the result of `evaluate_cells` on the scored cells, referred ones included.

    Raises:
        Refusal: The model was made from another cohort than the one that was compared with.
    """
    _require_same_cohort(predictions, cell_index)
    cells = external_predictions[external_predictions["image_id"].isin(strangers["image_id"])]
    scored = cells[cells["blast_probability"].notna()]
    decided = scored[scored["decision"] != Decision.REFER]
    wrong = (decided["call"] == Decision.BLAST) != mark_blasts(decided["label"])
    return {
        "data_source": ", ".join(sorted(external_predictions["data_source"].unique())),
        "n_files": len(external_predictions),
        "n_rejected": int((external_predictions["status"] == Status.REJECTED).sum()),
        "n_duplicate": int((external_predictions["status"] == Status.DUPLICATE).sum()),
        "n_unscored": len(cells) - len(scored),
        "n_unfit": int(is_unfit(scored["reasons"]).sum()),
        "n_referred": len(scored) - len(decided),
        "coverage": _share(len(decided), len(scored)),
        "selective_risk": _share(int(wrong.sum()), len(decided)),
        **evaluate_cells(scored, threshold=operating_point["threshold"], confidence_level=settings.confidence_level),
    }


def _require_same_cohort(predictions: pd.DataFrame, cell_index: pd.DataFrame) -> None:
    identity = ["image_id", "subject_id", "label"]
    n_unknown = len(predictions) - len(predictions.merge(cell_index[identity], on=identity, validate="1:1"))
    if n_unknown:
        raise Refusal(
            f"the model was made from another cohort than cell_index: {n_unknown} of the {len(predictions)} cells that "
            "it was evaluated on are not in it, so the comparison with its persons and pictures says nothing. Load the "
            "versions of one run for both"
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
