"""What probabilities are worth, which cells go to an expert, and what the calls mean for each subject."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from blastscreen.evaluation.promise import explain_referral
from blastscreen.report.results import ModelResults, Results
from blastscreen.report.shown import NO_INTERVAL, Columns, Row, Table, show, show_row, spell, transpose
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Split

_SPLITS = tuple(reversed(EVALUATED_SPLITS))
_NO_CELLS = "there are no cells"
_ERRORS = {"brier": "Brier score", "log_loss": "log loss", "ece": "calibration error"}
_REFERRAL: Columns = {
    "n_cells": ("cells", "count"),
    "n_decided": ("decided alone", "count"),
    "n_referred": ("referred to an expert", "count"),
    "coverage": ("coverage (share decided alone)", "rate"),
    "selective_risk": ("wrong among those decided alone", "rate"),
    "risk_without_referral": ("wrong if no cell were referred", "rate"),
    "missed_blasts_without": ("missed blasts if no cell were referred", "count"),
    "missed_blasts_with": ("missed blasts among those decided alone", "count"),
    "false_alarms_without": ("false alarms if no cell were referred", "count"),
    "false_alarms_with": ("false alarms among those decided alone", "count"),
    "n_subjects": ("subjects", "count"),
    "n_subjects_with_referral": ("subjects with a referred cell", "count"),
    "n_subjects_all_referred": ("subjects with all cells referred", "count"),
    "aurc": ("area under the risk-coverage curve (lower is better)", "score"),
    "aurc_oracle": ("the same area if confidence knew every wrong call", "score"),
    "aurc_random": ("the same area if confidence were chance", "score"),
}
_VOTES = {
    "accuracy": "all subjects",
    "sensitivity": "subjects with blasts (sensitivity)",
    "specificity": "normal subjects (specificity)",
}
_VOTERS: Columns = {"n_subject_groups": ("subject groups", "count"), "n_right": ("called rightly", "count")}
_SUBJECTS: Columns = {
    "subject_id": ("subject", None),
    "label": ("true label", None),
    "n_cells": ("cells", "count"),
    "n_right": ("right", "count"),
    "rate": ("rate", "rate"),
    "mean_probability": ("mean probability", "score"),
    "majority_call": ("majority call", None),
}


def describe_calibration(results: Results, model: ModelResults, found: Mapping[str, Any]) -> dict[str, Any]:
    """Tabulate how far the scores, and what each method makes of them, can be believed; with a warning, or ""."""
    rows = []
    for method, errors in found["methods"].items():
        words = "as the model gives them" if method == Calibration.NONE else method
        row: Row = {"method": f"{words} (in use)" if method == found["chosen"] else words}
        for split in _SPLITS:
            columns: Columns = {error: (f"{split}: {words}", "score") for error, words in _ERRORS.items()}
            name = f"{model.name}.calibration.{method}.{split}"
            row |= show_row(errors[split], columns, name, undefined=_NO_CELLS)
        rows.append(row)
    title = f"Probabilities of the {model.title} before and after calibration"
    unit = "errors of the probability, over cells; lower is better"
    sources = results.sources(f"{model.name}_calibration")
    return {"table": Table(title, rows, unit=unit, sources=sources), "warning": _warn_of(found)}


def _warn_of(calibration: Mapping[str, Any]) -> str:
    """Write that the wanted calibration is not in use, or made probabilities of the test cells worse."""
    wanted, held_out = calibration["wanted"], calibration["held_out_brier"]
    is_used = calibration["chosen"] == wanted
    of_test = {method: errors[Split.TEST]["brier"] for method, errors in calibration["methods"].items()}
    before, after = ((of_test if is_used else held_out)[method] for method in (Calibration.NONE, wanted))
    is_known = before is not None and after is not None
    change = f"{spell(before, 'score')} before, {spell(after, 'score')} after" if is_known else ""
    if is_used:
        worse = f"The calibration in use made the Brier score of the test cells worse: {change}."
        return worse if is_known and after > before else ""
    why = (
        f"it made the Brier score of validation cells worse that it was not fitted to: {change}"
        if is_known
        else "there are too few subject groups to tell on others whether it helps"
    )
    return f"Calibration ({wanted}) is not used: {why}. Scores stand for probabilities as they are."


def describe_referral(results: Results, model: ModelResults, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Put a plan of referral in a sentence and a table."""
    sources = results.sources(f"{model.name}_referral")
    test, of_splits = plan[Split.TEST], {}
    for split in _SPLITS:
        counts, name = plan[split], f"{model.name}.referral.{split}"
        undefined = "every cell is referred" if counts["n_cells"] else _NO_CELLS
        missing = dict.fromkeys(counts.get("intervals", {}), NO_INTERVAL)
        if not plan["min_confidence"]:
            missing["coverage"] = "no interval: with other subjects, too, the plan is all or nothing"
        of_splits[f"{split} cells"] = show_row(counts, _REFERRAL, name, undefined=undefined, no_interval=missing)
    title = f"What referral would have meant with the {model.title}"
    unit = f"cells and subjects; {results.confidence_of(*sources)} intervals over subject groups"
    return {
        "promise": explain_referral(plan),
        "attainable": plan["attainable"],
        "misses_target": (test["selective_risk"] or 0.0) > plan["max_residual_error"],
        "test": {name: of_splits[f"{Split.TEST} cells"][_REFERRAL[name][0]] for name in _REFERRAL if name in test},
        "table": Table(title, transpose(of_splits, ""), unit=unit, sources=sources),
    }


def describe_subjects(results: Results, model: ModelResults, subjects: pd.DataFrame) -> dict[str, Any]:
    """Tabulate the votes of subjects, and every test subject."""
    tested = subjects[subjects["split"] == Split.TEST].to_dict("records")
    rows = [show_row(row, _SUBJECTS, f"{model.name}.subjects.{row['subject_id']}") for row in tested]
    title, sources = f"Every test subject and the calls of the {model.title}", results.sources(f"{model.name}_subjects")
    unit = "cells of the subject; the rate is the sensitivity of a subject with blasts, the specificity of another"
    return {"votes": _tabulate_votes(results, model), "subjects": Table(title, rows, unit=unit, sources=sources)}


def _tabulate_votes(results: Results, model: ModelResults) -> Table:
    rows = []
    for split in _SPLITS:
        votes = (model.subject_votes or {})[split]
        for measure, words in _VOTES.items():
            found = votes | {"rate": votes["accuracy"]} if measure == "accuracy" else votes[measure]
            name, why = f"{model.name}.votes.{split}.{measure}", "there are no such subjects"
            row = show_row(found, _VOTERS, name, first={"split": f"{split}: {words}"})
            rate, interval = found["rate"], found["interval"]
            row["share"] = show(rate, "rate", name, interval=interval, undefined=why, no_interval=NO_INTERVAL)
            rows.append(row)
    sources = results.sources(f"{model.name}_subject_votes")
    title = f"Subjects as the majority of their cells was called by the {model.title}"
    unit = f"subject groups, whose cells vote together; {results.confidence_of(*sources)} intervals"
    return Table(title, rows, unit=unit, sources=sources)
