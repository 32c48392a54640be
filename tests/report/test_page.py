import copy
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from blastscreen.datasets.stock import Document
from blastscreen.report.page import render_report, write_model_card
from blastscreen.report.sections import SECTIONS
from blastscreen.report.shown import Table
from blastscreen.vocabulary import GENERATED_SAMPLE

VOID = {"meta", "link", "br", "img", "wbr"}


class Outline(HTMLParser):
    """What stands where: elements that do not close, headings, images, tables, ids."""

    def __init__(self, page):
        super().__init__()
        self.open, self.unclosed, self.headings, self.images, self.ids, self.tables = [], [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(attrs)
        if tag == "table":
            self.tables.append([])
        elif self.tables and tag in ("caption", "th"):
            self.tables[-1].append((tag, attrs.get("scope")))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unclosed.append(tag)


@pytest.fixture(scope="module")
def page(entries):
    return render_report(**entries)


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


def text_of(page):
    return unescape(re.sub(r"<[^>]+>", "", re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)))


def test_every_element_closes_and_every_id_is_its_own(outline):
    assert (outline.open, outline.unclosed) == ([], [])
    assert len(outline.ids) == len(set(outline.ids))
    assert [name for name in outline.ids if name in SECTIONS] == list(SECTIONS)


def test_headings_skip_no_level_and_tables_have_captions_and_scopes(outline):
    assert outline.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.tables) > 15
    for parts in outline.tables:
        assert parts[0][0] == "caption"
        assert {scope for tag, scope in parts if tag == "th"} == {"col", "row"}


def test_every_picture_is_described(outline):
    assert len(outline.images) == 3
    assert all(len(image["alt"]) > 20 for image in outline.images)


def test_names_of_files_are_shown_and_not_obeyed(page):
    assert page.count("<script") == page.count("</script>")
    assert "<img src=x" not in page
    assert "document.title='owned'</script>" not in page
    assert "\u202e" not in page
    assert "\\u202e" not in page
    assert "a</script><script>document.title='owned'</script>\"'$x$ <img src=x onerror=alert(1)> ü⟨U+202E⟩gpj.bmp" in (
        text_of(page)
    )


def test_generated_cells_say_so_in_title_banner_and_footer(page):
    words = GENERATED_SAMPLE.capitalize()
    assert f"({GENERATED_SAMPLE})</title>" in page
    assert f'<p class="banner loud">{words}' in page
    assert f"{words}.</p>" in page[page.index("<footer>") :]


def test_real_cells_carry_no_such_words(entries):
    source = "jpeg300 <b>"
    tables = {name: entries[name].assign(data_source=source) for name in ("cell_index", "cell_splits")}
    audit = entries["audit_summary"] | {"data_source": source}
    figures = {name: value for name, value in entries.items() if not name.endswith("_figure")}
    page = render_report(**(figures | tables | {"audit_summary": audit}))
    assert GENERATED_SAMPLE not in page.lower()
    assert "on jpeg300 &lt;b&gt;</title>" in page
    assert "not a medical device" in page


def test_subjects_on_both_sides_are_announced(entries):
    splits = entries["cell_splits"].assign(subject_group=lambda table: table["subject_id"].str.rstrip("aestrv"))
    page = render_report(**(entries | {"cell_splits": splits}))
    assert "Subjects leak into the test set: 4 of the 4 subject groups" in page


def test_numbers_carry_their_exact_value_and_interval(page):
    low, high = 0.8765 - 0.05, 0.8765 + 0.05
    cell = f'<td class="number" data-metric="rf.test.auroc" data-value="0.8765" data-low="{low}" data-high="{high}">'
    assert f'{cell}0.876 <span class="range">(0.826 to 0.926)</span></td>' in page
    assert 'data-metric="comparison.rf.cnn.auroc.difference" data-value="-0.02"' in page


def test_balancing_is_shown_with_what_it_changes_against_class_weights(page):
    value = 'data-metric="audit.balancing.smote.auroc.value" data-value="0.8" data-low="0.7" data-high="0.9">0.800'
    change = 'data-metric="audit.balancing.smote.specificity.difference" data-value="-0.0125"'
    assert value in page
    assert change in page
    assert "\N{MINUS SIGN}1.2 points" in page
    assert "2 divisions together; equal sensitivity is 95.0%; 95% intervals over subject groups" in page
    assert "audit.balancing.class_weight.auroc.value" in page
    assert "audit.balancing.class_weight.auroc.difference" not in page


def test_what_is_not_defined_is_neither_nought_nor_nan(entries):
    calls = {"true_negatives": 7, "false_positives": 3, "false_negatives": 0, "true_positives": 0}
    undefined = {"auroc": None, "sensitivity": float("nan"), "confusion": calls, "intervals": {}}
    metrics = entries["rf_metrics"] | {"test": entries["rf_metrics"]["test"] | undefined}
    page = render_report(**(entries | {"rf_metrics": metrics}))
    cell = '<td class="number" data-metric="rf.test.auroc" data-value="">not defined <span class="note">'
    assert f"{cell}these cells include no blasts</span></td>" in page
    assert not re.search(r"\bnan\b", text_of(page), re.IGNORECASE)


def test_a_missing_interval_is_explained_once_per_table(entries):
    metrics = entries["rf_metrics"] | {"test": entries["rf_metrics"]["test"] | {"intervals": {}}}
    page = render_report(**(entries | {"rf_metrics": metrics}))
    assert page.count("No interval: there are too few subject groups") == 3
    assert 'data-value="0.8765">0.876 <span class="note">no interval</span></td>' in page


def test_tables_name_their_entry_and_its_version(page):
    assert "From <code>cell_splits</code> 2026-01-02T03.04.05.678Z." in page


def test_what_a_run_lacks_is_said_instead(entries):
    needed = ("parameters", "cell_splits", "integrity_report", "rf_metrics")
    page = render_report(**({name: entries[name] for name in needed}))
    outline = Outline(page)
    assert [name for name in outline.ids if name in SECTIONS] == list(SECTIONS)
    assert page.count('class="absent"') == 8
    assert "Each model" not in page


def test_a_new_model_appears_by_itself(entries):
    page = render_report(**(entries | {"hybrid_metrics": entries["rf_metrics"]}))
    assert 'data-metric="hybrid.test.auroc"' in page
    assert "Calls of the hybrid" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_confidence": 0.0}, "Every call is decided alone"),
        ({"min_confidence": None, "attainable": False, "trials": []}, "takes 59 subject groups with validation cells"),
        ({}, "Calls with a confidence of 0.810 or more are decided alone"),
    ],
)
def test_the_plan_of_referral_is_told(entries, changes, words):
    plan = entries["rf_referral"] | changes
    page = render_report(**(entries | {"rf_referral": plan, "cnn_referral": plan}))
    assert text_of(page).count(words) == 2


def test_a_table_leaves_blank_what_a_row_does_not_have():
    assert Table("x", [{"a": "1"}, {"a": "1", "b": "2"}]).columns == ["a", "b"]


VERSION, OLD = "2026-01-02T03.04.05.678Z", "2025-01-01T00.00.00.000Z"


def manifest(**parameters):
    git = {"commit": "0ldc0de", "modified": False}
    return {"parameters": parameters, "git": git, "python": "3", "platform": "x", "libraries": {}, "load_versions": {}}


def trained_before(entries, **manifests):
    predictions = entries["cell_splits"].copy()
    predictions.attrs = {"version": OLD}
    known = type(entries["run_manifests"])(manifests)
    return entries | {"rf_predictions": predictions, "run_manifests": known}


def test_settings_are_those_of_the_run_that_made_the_model(entries):
    stored = trained_before(entries, **{OLD: manifest(rf={"n_trees": 7, "seed": 1})})
    page = text_of(render_report(**stored))
    assert (
        f"The random forest was made by run {OLD}, commit 0ldc0de." in page[: page.index("Which cells were used", 900)]
    )
    assert f"run {OLD}: rf.seed 1" in page
    card = write_model_card(**stored)
    assert "**random forest**: n\\_trees 7, seed 1" in card
    assert "n\\_trees 100" not in card


def test_without_a_manifest_settings_are_unknown(entries):
    stored = trained_before(entries)
    assert f"run {OLD}: unknown" in text_of(render_report(**stored))
    assert "**random forest**: settings unknown" in write_model_card(**stored)


def test_a_model_from_a_run_before_the_predictions_is_traced(entries):
    manifests = {OLD: manifest() | {"load_versions": {"rf_model": "older"}}, "older": manifest(rf={"seed": 3})}
    page = text_of(render_report(**(trained_before(entries, **manifests))))
    assert "run older: rf.seed 3" in page


def test_the_level_of_intervals_is_that_of_the_run_that_made_them(entries):
    metrics = Document(entries["rf_metrics"])
    metrics.version = OLD
    known = type(entries["run_manifests"])({OLD: manifest(evaluation={"confidence_level": 0.9})})
    page = render_report(**(entries | {"rf_metrics": metrics, "run_manifests": known}))
    assert "with 90% and 95% intervals over subject groups" in page


def test_one_run_says_nothing_of_others(page):
    assert "Not all of this was made by the run" not in page
    assert f"The random forest was made by this run {VERSION}." in page


def test_no_p_value_stands_alone(entries, page):
    pair = copy.deepcopy(entries["comparison"])
    pair["pairs"][0]["differences"]["auroc"]["interval"] = None
    alone = render_report(**(entries | {"comparison": pair}))
    assert "p_value" in page
    assert "p_value" not in alone
    assert "No interval can be had from so few subjects, so nothing can be said." in alone


def test_calibration_that_made_it_worse_is_told(entries, page):
    found = copy.deepcopy(entries["rf_calibration"])
    found["methods"]["sigmoid"] = copy.deepcopy(found["methods"]["none"])
    found["methods"]["sigmoid"]["test"]["brier"] = 0.2
    assert "made the Brier score" not in page
    worse = render_report(**(entries | {"rf_calibration": found}))
    assert "made the Brier score of the test cells worse: 0.100 before, 0.200 after." in worse


@pytest.mark.parametrize(
    ("held_out", "why"),
    [
        ({"none": 0.1, "sigmoid": 0.12}, "it was not fitted to: 0.100 before, 0.120 after."),
        ({"none": None, "sigmoid": None}, "there are too few subject groups to tell"),
    ],
)
def test_calibration_that_is_not_used_is_told(entries, page, held_out, why):
    assert "is not used" not in page
    found = entries["rf_calibration"] | {"chosen": "none", "held_out_brier": held_out}
    other = render_report(**(entries | {"rf_calibration": found}))
    assert "Calibration (sigmoid) is not used" in other
    assert why in other
    assert "as the model gives them (in use)" in other


def test_shares_of_blasts_stand_beside_the_paper(entries):
    table = {"true_negatives": 20, "false_positives": 5, "false_negatives": 5, "true_positives": 70}
    check = entries["paper_check"] | {"tables": [{"split": "test", "model": "rf", "consistent": table}]}
    page = text_of(render_report(**(entries | {"paper_check": check})))
    assert "Blasts are 75.0% of the paper's test cells and 50.0% of ours" in page


def test_lossy_sources_are_among_the_limits(entries, page):
    report = copy.deepcopy(entries["integrity_report"])
    report["review_reasons"]["lossy_source"] = {"n_files": 60, "examples": []}
    assert "lossy" not in page
    assert "60 images come from a lossy source" in render_report(**(entries | {"integrity_report": report}))


def test_charts_name_the_entry_that_holds_their_numbers(page):
    assert "its numbers are in the catalog entry rf_predictions." in page


def test_a_plan_without_intervals_says_why(entries):
    plan = copy.deepcopy(entries["rf_referral"])
    plan["test"]["intervals"] = {"coverage": None}
    page = render_report(**(entries | {"rf_referral": plan}))
    assert 'data-metric="rf.referral.test.coverage" data-value="0.75">75.0% <span class="note">no interval' in page
    assert page.count("No interval: there are too few subject groups") == 1


def test_a_plan_by_rule_has_no_interval_of_its_coverage(entries):
    plan = copy.deepcopy(entries["rf_referral"]) | {"min_confidence": 0.0}
    plan["test"]["intervals"] = {"coverage": None}
    page = render_report(**(entries | {"rf_referral": plan}))
    assert "no interval: with other subjects, too, the plan is all or nothing" in page
    assert "No interval: there are too few subject groups" not in page
