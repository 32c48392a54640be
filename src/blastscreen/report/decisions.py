"""What probabilities are worth, which cells go to an expert, and what the calls mean for each subject."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from blastscreen.evaluation.promise import explain_referral
from blastscreen.report.quantities import NO_INTERVAL, Kind, Quantity, quantity, spell
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import EVALUATED_SPLITS, Calibration, Split

_SPLITS = tuple(reversed(EVALUATED_SPLITS))
_NO_CELLS = "there are no cells"
_REFERRAL: dict[str, tuple[str, Kind]] = {
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


def describe_calibration(study: Study, model: str) -> Table | None:
    """Tabulate how far the scores, and what each method makes of them, can be believed; None without such results."""
    entry = f"{model}_calibration"
    found = study.get(entry)
    if found is None:
        return None
    measures = {"brier": "Brier score", "log_loss": "log loss", "ece": "calibration error"}
    rows: list[list[str | Quantity]] = []
    for method, splits in found["methods"].items():
        name = "as the model gives them" if method == Calibration.NONE else method
        name += " (in use)" if method == found["chosen"] else ""
        rows.append(
            [
                name,
                *(
                    quantity(
                        splits[split][measure],
                        kind="score",
                        name=f"{model}.calibration.{method}.{split}.{measure}",
                        undefined=_NO_CELLS,
                    )
                    for split in _SPLITS
                    for measure in measures
                ),
            ]
        )
    return make_table(
        f"Probabilities of the {study.models[model]} before and after calibration",
        unit="errors of the probability, over cells; lower is better",
        sources=study.sources(entry),
        columns=["method", *(f"{split}: {words}" for split in _SPLITS for words in measures.values())],
        rows=rows,
    )


def warn_of_calibration(study: Study, model: str) -> str:
    """Say so where the wanted calibration is not in use, or made probabilities of the test cells worse; else ""."""
    found = study.entries[f"{model}_calibration"]
    if found["chosen"] != found["wanted"]:
        before, after = (found["held_out_brier"][method] for method in (Calibration.NONE, found["wanted"]))
        why = (
            "there are too few subject groups to tell on others whether it helps"
            if before is None or after is None
            else "it made the Brier score of validation cells worse that it was not fitted to: "
            f"{spell(before, kind='score')} before, {spell(after, kind='score')} after"
        )
        return f"Calibration ({found['wanted']}) is not used: {why}. Scores stand for probabilities as they are."
    before, after = (found["methods"][method][Split.TEST]["brier"] for method in (Calibration.NONE, found["chosen"]))
    if before is None or after is None or after <= before:
        return ""
    brier = f"{spell(before, kind='score')} before, {spell(after, kind='score')} after"
    return f"The calibration in use made the Brier score of the test cells worse: {brier}."


def describe_referral(study: Study, model: str) -> dict[str, Any] | None:
    """Put a plan of referral in a sentence and a table; None without such results."""
    entry = f"{model}_referral"
    plan = study.get(entry)
    if plan is None:
        return None
    is_rule = not plan["min_confidence"]
    shown = {split: _show_plan(plan[split], name=f"{model}.referral.{split}", is_rule=is_rule) for split in _SPLITS}
    table = make_table(
        f"What referral would have meant with the {study.models[model]}",
        unit=f"cells and subjects; {study.confidence_of(entry)} intervals over subject groups",
        sources=study.sources(entry),
        columns=["", *(f"{split} cells" for split in _SPLITS)],
        rows=[[words, *(shown[split][name] for split in _SPLITS)] for name, (words, _) in _present(plan).items()],
    )
    return {
        "name": study.models[model],
        "promise": explain_referral(plan),
        "attainable": plan["attainable"],
        "misses_target": (plan[Split.TEST]["selective_risk"] or 0.0) > plan["max_residual_error"],
        "test": shown[Split.TEST],
        "table": table,
    }


def _present(plan: Mapping[str, Any]) -> dict[str, tuple[str, Kind]]:
    return {name: shown for name, shown in _REFERRAL.items() if name in plan[Split.TEST]}


def _show_plan(counts: Mapping[str, Any], *, name: str, is_rule: bool) -> dict[str, Quantity]:
    undefined = "every cell is referred" if counts["n_cells"] else _NO_CELLS
    missing = dict.fromkeys(counts.get("intervals", {}), NO_INTERVAL)
    if is_rule:
        missing["coverage"] = "no interval: with other subjects, too, the plan is all or nothing"
    return {
        measure: quantity(
            counts[measure],
            kind=kind,
            name=f"{name}.{measure}",
            interval=counts.get("intervals", {}).get(measure),
            undefined=undefined,
            no_interval=missing.get(measure, ""),
        )
        for measure, (_, kind) in _REFERRAL.items()
        if measure in counts
    }


def describe_subjects(study: Study, model: str) -> dict[str, Any] | None:
    """Tabulate the votes of subjects, and every test subject; None without such results."""
    votes, subjects = study.get(f"{model}_subject_votes"), study.get(f"{model}_subjects")
    if votes is None or subjects is None:
        return None
    return {"votes": _tabulate_votes(study, model, votes), "subjects": _tabulate_subjects(study, model, subjects)}


def _tabulate_votes(study: Study, model: str, votes: Mapping[str, Any]) -> Table:
    rows: list[Sequence[str | Quantity]] = []
    for split in _SPLITS:
        found = votes[split]
        kinds = {
            "all subjects": ("accuracy", found | {"rate": found["accuracy"]}),
            "subjects with blasts (sensitivity)": ("sensitivity", found["sensitivity"]),
            "normal subjects (specificity)": ("specificity", found["specificity"]),
        }
        for words, (measure, rate) in kinds.items():
            name = f"{model}.votes.{split}.{measure}"
            counts = [
                quantity(rate[count], kind="count", name=f"{name}.{count}") for count in ("n_subject_groups", "n_right")
            ]
            share = quantity(
                rate["rate"],
                kind="rate",
                name=name,
                interval=rate["interval"],
                undefined="there are no such subjects",
                no_interval=NO_INTERVAL,
            )
            rows.append([f"{split}: {words}", *counts, share])
    return make_table(
        f"Subjects as the majority of their cells was called by the {study.models[model]}",
        unit=f"subject groups, whose cells vote together; {study.confidence_of(f'{model}_subject_votes')} intervals",
        sources=study.sources(f"{model}_subject_votes"),
        columns=["split", "subject groups", "called rightly", "share"],
        rows=rows,
    )


def _tabulate_subjects(study: Study, model: str, subjects: pd.DataFrame) -> Table:
    rows: list[Sequence[str | Quantity]] = []
    for row in subjects[subjects["split"] == Split.TEST].to_dict("records"):
        name = f"{model}.subjects.{row['subject_id']}"
        counts = [quantity(row[count], kind="count", name=f"{name}.{count}") for count in ("n_cells", "n_right")]
        rate = quantity(row["rate"], kind="rate", name=f"{name}.rate")
        probability = quantity(row["mean_probability"], kind="score", name=f"{name}.mean_probability")
        rows.append([row["subject_id"], row["label"], *counts, rate, probability, row["majority_call"]])
    return make_table(
        f"Every test subject and the calls of the {study.models[model]}",
        unit="cells of the subject; the rate is the sensitivity of a subject with blasts, the specificity of another",
        sources=study.sources(f"{model}_subjects"),
        columns=["subject", "true label", "cells", "right", "rate", "mean probability", "majority call"],
        rows=rows,
    )
