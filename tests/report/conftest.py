"""Results in the form in which the catalog holds them, written by hand, with names of files that mean harm."""

import copy

import pandas as pd
import plotly.graph_objects as go
import pytest

from blastscreen.parameters import EvaluationParameters
from blastscreen.report.figures.style import BLUE, INK, finish
from blastscreen.schemas import AUDIT_IMBALANCE
from blastscreen.vocabulary import GENERATED_SAMPLE, Balancing

HOSTILE = "a</script><script>document.title='owned'</script>\"'$x$ <img src=x onerror=alert(1)> ü\u202egpj.bmp"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
VERSION = "2026-01-02T03.04.05.678Z"
RATES = {
    "accuracy": 0.8,
    "balanced_accuracy": 0.8,
    "sensitivity": 0.9,
    "specificity": 0.7,
    "false_positive_rate": 0.3,
    "precision_all": 0.75,
    "precision_hem": 0.875,
    "f1_all": 9 / 11,
    "f1_weighted": 0.798,
    "auroc": 0.8765,
    "brier": 0.1234,
}
CALLS = {"true_negatives": 7, "false_positives": 3, "false_negatives": 1, "true_positives": 9}


def interval(value, width=0.05):
    return {"low": value - width, "high": value + width, "n_groups": 4}


def metrics(**changes):
    split = {"n_cells": 20, "n_unfit": 2, "n_subjects": 4, "n_subject_groups": 4, "threshold": 0.4, **RATES}
    split |= {"confusion": CALLS}
    split |= {"intervals": {name: interval(value) for name, value in RATES.items()}} | changes
    return {"validation": copy.deepcopy(split), "test": copy.deepcopy(split)}


def comparison(difference=-0.02, low=-0.05, high=0.01):
    found = {"first": 0.8565, "second": 0.8765, "difference": difference}
    found["interval"] = {"low": low, "high": high, "n_groups": 4}
    mcnemar = {"both_right": 14, "only_first_right": 2, "only_second_right": 2, "both_wrong": 2, "p_value": 1.0}
    pair = {"first": "rf", "second": "cnn", "versions": {}, "n_cells": 20, "n_unpaired": 0, "n_subject_groups": 4}
    pair |= {"differences": {"auroc": found}, "mcnemar": mcnemar | {"caveat": "ignores that cells are alike"}}
    return {"split": "test", "pairs": [pair]}


def referral():
    names = ("n_decided", "n_referred", "n_subjects", "n_subjects_with_referral", "n_subjects_all_referred")
    counts = dict(zip(names, (15, 5, 4, 3, 0), strict=True)) | {
        "n_cells": 20,
        "coverage": 0.75,
        "selective_risk": 1 / 15,
    }
    counts |= {"risk_without_referral": 0.2, "missed_blasts_without": 1, "missed_blasts_with": 0, "aurc": 0.05}
    counts |= {"false_alarms_without": 3, "false_alarms_with": 1, "intervals": {"coverage": interval(0.75)}}
    plan = {"chosen_on": "validation", "max_residual_error": 0.05, "min_confidence": 0.81, "attainable": True}
    trial = {"coverage": 0.2, "min_confidence": 0.81, "n_groups": 60, "bound": 0.04}
    plan |= {"confidence_level": 0.95, "n_groups": 61, "n_groups_needed": 59, "trials": [trial]}
    return plan | {"validation": counts, "test": counts, "curve": {}}


def calibration():
    scores = {split: {"brier": 0.1, "log_loss": 0.3, "ece": 0.05} for split in ("validation", "test")}
    found = {"wanted": "sigmoid", "held_out_brier": {"none": 0.11, "sigmoid": 0.1}}
    return found | {
        "fitted_on": "validation",
        "chosen": "sigmoid",
        "methods": {"none": scores, "sigmoid": scores},
        "bins": {},
    }


def votes():
    rate = {"n_subject_groups": 2, "n_right": 2, "rate": 1.0, "interval": {"low": 0.158, "high": 1.0}}
    found = {"n_subject_groups": 4, "n_right": 4, "accuracy": 1.0, "interval": {"low": 0.398, "high": 1.0}}
    return {split: found | {"sensitivity": rate, "specificity": rate} for split in ("validation", "test")}


def errors(heatmap):
    odd = {"feature": "area", "value": 41000.0, "z": -2.5, "class_median": 30000.0}
    cell = {"image_id": HOSTILE, "subject_id": "H1", "blast_probability": 0.9, "confidence": 0.9}
    cell |= {"standing_out": [odd], "thumbnail": PIXEL, "heatmap": heatmap}
    found = {"model": "rf", "threshold": 0.4, "split": "test", "n_false_positives": 3, "n_false_negatives": 0}
    return found | {"false_positives": [cell], "false_negatives": []}


def figure(title):
    drawn = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name=HOSTILE, line={"color": BLUE}))
    drawn.add_trace(go.Bar(x=[0, 1], y=[1, 0.5], name="bars", marker={"color": INK}))
    finish(drawn, title=title, note=GENERATED_SAMPLE, height=400)
    return drawn


def tables():
    subjects = ["1", "2", "H1", "H2"]
    cells = [
        {"image_id": f"{subject}_{split}_{number}", "subject_id": f"{subject}{split[:2]}", "split": split}
        for split in ("train", "validation", "test")
        for subject in subjects
        for number in range(5)
    ]
    splits = pd.DataFrame(cells)
    splits["subject_group"] = splits["subject_id"]
    splits["label"] = ["hem" if subject.startswith("H") else "all" for subject in splits["subject_id"]]
    splits["data_source"] = GENERATED_SAMPLE
    subjects = splits.drop_duplicates("subject_id")[["subject_id", "subject_group", "label", "split"]]
    subjects = subjects.assign(n_cells=5, n_right=4, rate=0.8, mean_probability=0.5, majority_call=subjects["label"])
    features = pd.DataFrame({"image_id": splits["image_id"], "reasons": ["non_finite:area"] + [""] * (len(splits) - 1)})
    importances = pd.DataFrame({"feature": ["area", "perimeter"], "impurity_importance": 0.5})
    importances = importances.assign(
        feature_group="area+perimeter", permutation_importance=0.01, permutation_std=0.001, group_importance=0.02
    )
    correlations = pd.DataFrame({"region": ["frame", "cell"], "feature": ["glcm_energy"] * 2, "pearson": [-0.99, None]})
    index = splits.assign(status="accepted", reasons="")
    found = {"cell_index": index, "cell_splits": splits, "cell_features": features, "rf_importances": importances}
    found |= {"rf_subjects": subjects, "cnn_subjects": subjects, "area_correlations": correlations}
    found["audit_imbalance"] = audit_imbalance()
    for table in found.values():
        table.attrs = {"version": VERSION}
    return found


def audit_summary():
    spread = {"mean": 0.8, "low": 0.75, "high": 0.85, "sd": 0.02}
    rows = [
        {
            "model": "rf",
            "strategy": strategy,
            "region": region,
            **dict.fromkeys(("auroc", "accuracy", "f1_weighted"), spread),
        }
        for strategy in ("image", "subject")
        for region in ("frame", "cell")
    ]
    flattery = [{"choice": "splitting by image", "model": "rf", "auroc": spread, "n_better": 9}]
    return {"n_seeds": 10, "n_folds": 5, "rows": rows, "flattery": flattery, "data_source": GENERATED_SAMPLE}


def audit_imbalance():
    """Every way and measure alike."""
    values = {"value": 0.8, "low": 0.7, "high": 0.9, "difference": -0.0125, "min_sensitivity": 0.95, "n_seeds": 2}
    values |= {"difference_low": -0.03, "difference_high": 0.01}
    measures = ("auroc", "sensitivity", "specificity", "specificity_at_sensitivity")
    rows = [{"balancing": str(way), "measure": measure, **values} for way in Balancing for measure in measures]
    return AUDIT_IMBALANCE.validate(pd.DataFrame(rows, columns=list(AUDIT_IMBALANCE.columns)))


def paper_check():
    printed = [{"text": "85%", "value": 0.85, "agrees": True, "where": ["Abstract"]}]
    rates = {"rf": {"test": {"accuracy": {"recomputed": 0.84625, "printed": printed}}}}
    citation = {"authors": ["A. Author"], "title": "A title", "journal": "A journal", "doi": "10.1/2"}
    contradictions = [{"id": "x", "kind": "table", "where": ["Table 4"], "text": "Table 4 sums to 1,814 <not 1,600>."}]
    return {"citation": citation, "n_checked": 9, "contradictions": contradictions, "agreements": [], "rates": rates}


class Manifests(dict):
    """Manifests by version, as the catalog gives them; the tables of this module are of the current run."""

    current = VERSION


PARAMETERS = {
    "evaluation": EvaluationParameters.model_construct(confidence_level=0.95),
    "splits": {"strategy": "subject", "seed": 42},
    "rf": {"n_trees": 100, "seed": 42},
}


@pytest.fixture(scope="session")
def entries():
    """Every entry that the report reads, for two models."""
    reasons = {"truncated": {"n_files": 2, "examples": [HOSTILE, "b.bmp"]}}
    integrity = {"n_files": 64, "n_accepted": 55, "n_review": 6, "n_rejected": 2, "rejected_reasons": reasons}
    integrity |= {"n_duplicate": 1, "n_unfit": 5}
    repeats = {"groups": 1, "images": 2, "examples": []}
    integrity |= {"review_reasons": {"border": {"n_files": 6, "examples": ["c.bmp"]}}, "reference": None}
    integrity |= {"duplicates": {"within_subject": repeats, "across_subjects": repeats}}
    integrity |= {"merged_subjects": [{"subject_group": "1", "subject_ids": ["1", HOSTILE], "images": 2}]}
    point = {"rule": "sensitivity", "wanted": {"min_sensitivity": 0.95}, "threshold": 0.4, "chosen_on": "validation"}
    point["promise"] = {"sensitivity": 0.7131, "confidence_level": 0.95, "n_groups": 12, "n_groups_needed": 59}
    item = {"guideline": "CLAIM", "item": "1", "topic": "title", "status": "reported", "where": ["#answer"], "note": ""}
    found = tables() | {"integrity_report": integrity, "comparison": comparison(), "comparison_figure": figure("All")}
    found |= {"audit_summary": audit_summary(), "audit_figure": figure("Audit"), "reporting_checklist": [item]}
    found |= {"run_manifests": Manifests(), "parameters": PARAMETERS}
    found |= {"paper_check": paper_check(), "published_figure": figure("Paper")}
    for model in ("rf", "cnn"):
        found |= {
            f"{model}_metrics": metrics(),
            f"{model}_operating_point": point,
            f"{model}_calibration": calibration(),
            f"{model}_referral": referral(),
            f"{model}_subject_votes": votes(),
            f"{model}_errors": errors(PIXEL if model == "cnn" else None),
            f"{model}_roc_figure": figure(f"{model}: ROC"),
        }
    return found
