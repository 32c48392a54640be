"""The report of a run: its numbers computed again from what the run stored, and its page opened."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

from blastscreen.vocabulary import GENERATED_SAMPLE

pytestmark = pytest.mark.slow

MODELS = ("rf", "cnn", "hybrid")
READ = tuple(f"{model}_{result}" for model in MODELS for result in ("predictions", "operating_point"))
READ += ("rf_triage", "rf_subject_votes", "cell_index", "cell_splits", "comparison", "report", "model_card")


@pytest.fixture(scope="module")
def stored(default_run):
    """What the run stored, of its own version."""
    project, version = default_run
    catalog = project.catalog(versions=dict.fromkeys(READ, version))
    return {name: catalog.load(name) for name in READ}


@pytest.fixture(scope="module")
def shown(stored):
    """Numbers of the page by what they are; the same number may stand in several tables, but only one value of it."""
    numbers: dict[str, set[str]] = {}
    for name, value in re.findall(r'data-metric="([^"]+)" data-value="([^"]*)"', stored["report"]):
        numbers.setdefault(name, set()).add(value)
    assert {name for name, values in numbers.items() if len(values) > 1} == set()
    return {name: float(next(iter(values))) if values != {""} else None for name, values in numbers.items()}


@pytest.fixture(scope="module")
def judged(stored):
    """Per model: labels and probabilities of the test cells, and the calls at its threshold."""
    cells = {}
    for model in MODELS:
        table = stored[f"{model}_predictions"].query("split == 'test'").set_index("image_id").sort_index()
        is_blast = table["label"].to_numpy() == "all"
        called = table["blast_probability"].to_numpy() >= stored[f"{model}_operating_point"]["threshold"]
        cells[model] = (is_blast, table["blast_probability"].to_numpy(), called, table)
    return cells


@pytest.mark.parametrize("model", MODELS)
def test_rates_come_out_again(shown, judged, model):
    is_blast, probability, called, table = judged[model]
    again = {
        "n_cells": len(table),
        "n_subjects": table["subject_id"].nunique(),
        "sensitivity": np.mean(called[is_blast]),
        "specificity": np.mean(~called[~is_blast]),
        "accuracy": np.mean(called == is_blast),
        "auroc": roc_auc_score(is_blast, probability),
        "brier": brier_score_loss(is_blast, probability),
        "false_positives": np.sum(called & ~is_blast),
    }
    for name, value in again.items():
        assert shown[f"{model}.test.{name}"] == pytest.approx(value, abs=1e-12), name


def test_the_comparison_comes_out_again(shown, judged, stored):
    (is_blast, one, first, table), (_, other, second, others) = judged["rf"], judged["cnn"]
    assert table.index.equals(others.index)
    pair = "comparison.rf.cnn"
    difference = roc_auc_score(is_blast, one) - roc_auc_score(is_blast, other)
    assert shown[f"{pair}.auroc.difference"] == pytest.approx(difference, abs=1e-12)
    only = [
        int(np.sum((first == is_blast) & (second != is_blast))),
        int(np.sum((first != is_blast) & (second == is_blast))),
    ]
    assert [shown[f"{pair}.only_first_right"], shown[f"{pair}.only_second_right"]] == only
    p_value = stored["comparison"]["pairs"][0]["mcnemar"]["p_value"]
    assert p_value == pytest.approx(binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0)
    assert shown[f"{pair}.p_value"] == pytest.approx(p_value)


def test_referral_and_votes_come_out_again(shown, stored, judged):
    triage = stored["rf_triage"].query("split == 'test'")
    assert shown["rf.referral.test.n_referred"] == (triage["decision"] == "refer").sum()
    assert shown["rf.referral.test.coverage"] == pytest.approx((triage["decision"] != "refer").mean())
    is_blast, _, called, table = judged["rf"]
    votes = (
        pd.DataFrame({"group": table["subject_group"], "is_blast": is_blast, "called": called}).groupby("group").mean()
    )
    right = (votes["called"] >= 0.5) == (votes["is_blast"] == 1)
    assert shown["rf.votes.test.accuracy"] == pytest.approx(right.mean())
    low = stored["rf_subject_votes"]["test"]["interval"]["low"]
    found = re.search(r'data-metric="rf.votes.test.accuracy"[^>]* data-low="([^"]+)"', stored["report"])
    assert float(found[1]) == pytest.approx(low)


def test_the_flow_adds_up(shown, stored):
    index, splits = stored["cell_index"], stored["cell_splits"]
    assert shown["cohort.n_files"] == len(index)
    assert shown["cohort.n_rejected"] == (index["status"] == "rejected").sum()
    counts = splits["split"].value_counts()
    assert {split: shown[f"cohort.{split}.n_cells"] for split in counts.index} == counts.to_dict()
    assert shown["cohort.n_kept"] == counts.sum()


def test_numbers_name_the_version_they_come_from(default_run, stored):
    for entry in ("rf_metrics", "comparison", "cell_splits"):
        assert f"<code>{entry}</code> {default_run[1]}" in stored["report"]


def test_page_and_card_say_what_the_cells_are(stored):
    assert stored["report"].lower().count(GENERATED_SAMPLE) >= 4
    assert GENERATED_SAMPLE in stored["model_card"].lower()


def test_the_page_opens_quietly_with_every_figure(browser, stored, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(stored["report"], encoding="utf-8")
    browser.get_log("browser")
    browser.get(page.as_uri())
    script = "const done = arguments[0], wait = () => document.documentElement.dataset.charts === 'printable' ? done() "
    browser.execute_async_script(f"{script}: setTimeout(wait, 20); wait();")
    canvases = "[...document.querySelectorAll('.canvas')]"
    empty = f"{canvases}.filter((canvas) => !canvas.querySelector('.trace, .hm')).map((canvas) => canvas.dataset.chart)"
    assert browser.execute_script(f"return {empty}") == []
    assert browser.execute_script(f"return {canvases}.length") >= 15
    assert browser.execute_script("return document.querySelectorAll('.absent').length") == 0
    assert browser.get_log("browser") == []


def test_reporting_again_with_another_seed_shows_the_seed_of_the_models(default_run):
    project, version = default_run
    versions = {f"{model}_{name}": version for model in ("rf", "cnn") for name in ("metrics", "predictions")}
    again = project.run(
        "reporting",
        node_names=["reporting.render_report", "reporting.write_model_card"],
        params={"seed": 7},
        load_versions=versions | {"cell_splits": version},
    )
    catalog = project.catalog(versions={"report": again, "model_card": again})
    page, card = catalog.load("report"), catalog.load("model_card")
    assert f"The random forest was made by run {version}, commit " in page
    assert re.search(rf"run {version}: [^<]*rf\.seed 42", page)
    assert re.search(rf"this run {again}: [^<]*rf\.seed 7", page)
    assert re.search(r"- \*\*random forest\*\*: [^\n]*n\\_trees 100", card)
    assert not re.search(r"\*\*random forest\*\*[^\n]*seed 7", card)
