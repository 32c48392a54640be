import copy
import json
from pathlib import Path

import pytest
import yaml
from scipy.stats import norm

from blastscreen.cohort.reference import CNMC_2019
from blastscreen.evaluation.confusion import Confusion, describe_calls
from blastscreen.evaluation.published.check import check_published
from blastscreen.evaluation.published.numbers import Number, agrees, read_number, spell
from blastscreen.evaluation.published.tables import PARTS, rate
from blastscreen.features.measurement import feature_names

REPORT = Path(__file__).parents[2] / "src" / "blastscreen" / "report"

# 40 normal cells and 60 blasts on which two models are right 30 + 54 and 36 + 54 times
FACTS = {
    "citation": {"authors": ["A. Author"], "title": "A title", "journal": "A journal", "doi": "10.0/0"},
    "models": {"a": "model A", "b": "model B"},
    "statements": [
        {"quantity": "n_cells", "printed": "1,000", "where": ["Abstract", "Data"]},
        {"quantity": "n_cells", "split": "train", "printed": "900", "where": ["Data"]},
        {"quantity": "n_cells", "split": "test", "printed": "100", "where": ["Data"]},
        {"quantity": "n_cells", "split": "test", "of": "hem", "printed": "40", "where": ["Data"]},
        {"quantity": "n_cells", "split": "test", "of": "all", "printed": "60", "where": ["Data"]},
        {"quantity": "share", "split": "train", "printed": "90%", "where": ["Data"]},
        {"quantity": "n_subjects", "printed": "12", "where": ["Data"]},
        {"quantity": "n_cells_trained_on", "model": "a", "printed": "1,800", "where": ["Methods"]},
        {"quantity": "n_blocks", "model": "b", "printed": "two", "where": ["Methods"]},
        {"quantity": "lowest_confidence", "of": "hem", "printed": "61%", "where": ["Results"]},
        {"quantity": "lowest_confidence", "of": "all", "printed": "63%", "where": ["Results"]},
        {"quantity": "lowest_confidence", "printed": "61%", "where": ["Results"]},
        {"quantity": "accuracy", "model": "a", "split": "test", "printed": "84.0%", "where": ["Results"]},
        {"quantity": "accuracy", "model": "a", "split": "test", "printed": "84%", "where": ["Abstract"]},
        {"quantity": "sensitivity", "model": "a", "split": "test", "printed": "90%", "where": ["Results"]},
        {"quantity": "false_positive_rate", "model": "a", "split": "test", "printed": "25.0%", "where": ["Results"]},
        {"quantity": "precision_all", "model": "a", "split": "test", "printed": "84%", "where": ["Results"]},
        {"quantity": "precision_all", "model": "b", "split": "test", "printed": "93%", "where": ["Results"]},
        {"quantity": "accuracy", "model": "b", "split": "test", "printed": "90.0%", "where": ["Results"]},
        {"quantity": "false_positives", "model": "b", "split": "test", "printed": "4", "where": ["Results"]},
    ],
    "tables": [
        {
            "where": "Table 2",
            "model": "a",
            "split": "test",
            "printed": {
                "true_negatives": "30",
                "false_positives": "10",
                "false_negatives": "6",
                "true_positives": "54",
            },
        },
        {
            "where": "Table 3",
            "model": "b",
            "split": "test",
            "printed": {"true_negatives": "36", "false_positives": "4", "false_negatives": "6", "true_positives": "54"},
        },
    ],
    "rankings": [
        {"where": ["Table 1"], "printed": {"area": "40.2", "energy": "30.0"}},
        {"where": ["Abstract"], "printed": {"area": "40%", "energy": "30%"}},
    ],
    "lists": {
        "features": {"where": ["Methods"], "items": ["area", "energy", "contrast"]},
        "promoted": {"where": ["Introduction"], "items": ["energy"]},
        "filters": {"where": ["Methods"], "items": ["32", "64"]},
    },
    "relations": {
        "sums": [{"whole": "n_cells", "parts": ["train.n_cells", "test.n_cells"]}],
        "quotients": [{"quotient": "train.share", "part": "train.n_cells", "whole": "n_cells"}],
        "extremes": [
            {
                "extreme": "lowest_confidence",
                "which": "lowest",
                "parts": ["lowest_confidence.hem", "lowest_confidence.all"],
            }
        ],
        "lengths": [{"count": "b.n_blocks", "items": "filters"}],
        "inclusions": [{"id": "promoted", "items": "promoted", "within": "features"}],
        "implications": [
            {
                "id": "augmented",
                "claim": "images were augmented",
                "where": ["Methods"],
                "larger": "a.n_cells_trained_on",
                "than": "train.n_cells",
            }
        ],
        "references": [{"id": "cohort", "stated": "n_subjects", "counted": 12, "of": "ids", "source": "files"}],
        "comparisons": [
            {"quantity": "accuracy", "split": "test", "models": ["a", "b"]},
            {"quantity": "false_negative_rate", "split": "test", "models": ["a", "b"]},
            {"quantity": "precision_all", "split": "test", "models": ["a", "b"]},
        ],
    },
}


def changed(*edits):
    """Copy the facts with some entries printed differently: (section, index or name, new fields)."""
    facts = copy.deepcopy(FACTS)
    for section, position, fields in edits:
        facts[section][position].update(fields)
    return facts


def stated(key):
    """Find the position of a statement by its key."""
    parts = [".".join(str(s[k]) for k in ("model", "split", "quantity", "of") if k in s) for s in FACTS["statements"]]
    return parts.index(key)


def contradictions(facts):
    return {found["id"]: found for found in check_published(facts)["contradictions"]}


def test_numbers_are_read_with_their_rounding():
    assert read_number("10,661") == Number(10661, 0)
    assert read_number("35.76%") == pytest.approx((0.3576, 0.00005))
    assert agrees(read_number("34.18%"), 174 / 509)
    assert not agrees(read_number("34.2%"), 0.34251)
    assert agrees(read_number("85%"), 0.845)
    assert agrees(read_number("85%"), 0.855)
    assert not agrees(read_number("1,600"), 1600.4)
    assert (spell(1 / 3, like="0.5%"), spell(2.15, like="2:1"), spell(1814, like="1,600")) == ("33.3%", "2:1", "1,814")


def test_rates_are_those_of_the_metrics():
    counts = Confusion(335, 174, 72, 1019)
    rates = describe_calls(counts)
    assert {name: rate(name, counts) for name in PARTS if name in rates} == pytest.approx(
        {name: rates[name] for name in PARTS if name in rates}
    )
    assert rate("false_negative_rate", counts) == pytest.approx(1 - rates["sensitivity"])
    assert rate("precision_all", Confusion(5, 0, 5, 0)) is None


def test_consistent_facts_give_no_contradiction():
    check = check_published(FACTS)
    assert check["contradictions"] == []
    assert check["n_checked"] == len(check["agreements"])
    assert {"same.n_cells", "gap.test.precision_all"} <= {found["id"] for found in check["agreements"]}
    kinds = {"table", "rate", "count", "gap", "order", "rest", "importances", "sum", "quotient", "extreme", "length"}
    assert {found["kind"] for found in check["agreements"]} == kinds | {
        "implication",
        "cohort",
        "inclusion",
        "same_quantity",
    }
    assert check["rates"]["a"]["test"]["false_positive_rate"]["recomputed"] == 0.25
    json.dumps(check, allow_nan=False)


PLANTED = {
    "rate": (
        ("statements", stated("a.test.false_positive_rate"), {"printed": "27.5%"}),
        "a.test.false_positive_rate.27.5",
        {"printed": "25.0%", "takes": {"lowest": 11, "highest": 11, "of": 40}},
    ),
    "digits": (
        ("statements", stated("a.test.sensitivity"), {"printed": "89.00%"}),
        "a.test.sensitivity.89.00",
        {"printed": "90.00%", "takes": None},
    ),
    "count": (
        ("statements", stated("b.test.false_positives"), {"printed": "5"}),
        "b.test.false_positives.5",
        {"printed": "4", "takes": None},
    ),
    "sum": (("statements", stated("train.n_cells"), {"printed": "901"}), "sum.n_cells", "1,001"),
    "quotient": (("statements", stated("train.share"), {"printed": "80%"}), "quotient.train.share", "90%"),
    "extreme": (
        ("statements", stated("lowest_confidence"), {"printed": "60%"}),
        "extreme.lowest_confidence",
        "61%",
    ),
    "length": (("statements", stated("b.n_blocks"), {"printed": "three"}), "length.b.n_blocks", "2"),
    "implication": (
        ("statements", stated("a.n_cells_trained_on"), {"printed": "900"}),
        "augmented",
        "more than 900",
    ),
    "cohort": (("statements", stated("n_subjects"), {"printed": "20"}), "cohort", {"n_subjects": 12}),
    "inclusion": (("lists", "promoted", {"items": ["energy", "colour"]}), "promoted", {"missing": ["colour"]}),
    "importances": (
        ("rankings", 1, {"printed": {"area": "39%", "energy": "30%"}}),
        "importances.abstract",
        {"area": "40.2", "energy": "30.0"},
    ),
    "order": (("rankings", 1, {"printed": {"energy": "30%", "area": "40%"}}), "order.abstract", ["area", "energy"]),
    "rest": (
        ("rankings", 0, {"printed": {"area": "40.2", "energy": "29.0"}}),
        "rest.table_1",
        {"rest_at_most": 0.29},
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_contradiction_is_found_with_what_would_agree(kind):
    edit, name, consistent_value = PLANTED[kind]
    found = contradictions(changed(edit))
    assert found[name]["consistent_value"] == consistent_value
    assert found[name]["kind"] == ("rate" if kind == "digits" else kind)


def test_more_digits_than_the_counts_support_are_a_kind_of_their_own():
    # 30 + 53 of 99 and not 84.00 %
    facts = changed(
        ("tables", 0, {"printed": FACTS["tables"][0]["printed"] | {"true_positives": "53"}}),
        ("statements", stated("test.n_cells.all"), {"printed": "59"}),
        ("statements", stated("test.n_cells"), {"printed": "99"}),
        ("statements", stated("a.test.accuracy"), {"printed": "84.00%"}),
    )
    found = contradictions(facts)["a.test.accuracy.84.00"]
    assert (found["kind"], found["recomputed"]) == ("digits", pytest.approx(83 / 99))
    assert found["text"].endswith("Rounded to 84% it agrees.")


def test_a_slip_in_a_table_is_corrected_from_the_text():
    slips = {"false_positives": "4", "true_positives": "45"}
    found = contradictions(changed(("tables", 0, {"printed": FACTS["tables"][0]["printed"] | slips})))
    counts = {"true_negatives": 30, "false_positives": 10, "false_negatives": 6, "true_positives": 54}
    assert set(found) == {"table_2"}
    assert found["table_2"]["consistent_value"] == counts | {"n_solutions": 1}
    assert found["table_2"]["recomputed"] == {"sum": 85, "hem": 34, "all": 51}
    assert "10 for 4 (which stands in Table 3)" in found["table_2"]["text"]
    assert "54 for 45 (the same digits in another order)" in found["table_2"]["text"]
    assert "it gives accuracy 88.2%, not 84.0%" in found["table_2"]["breaks"]


def test_of_tables_that_do_equally_well_the_nearest_is_taken():
    slips = {"false_negatives": "50", "true_positives": "50"}
    facts = changed(("tables", 1, {"printed": FACTS["tables"][1]["printed"] | slips}))
    # each cell that is left as it is and the rate of the text ask for another table
    facts["statements"] = [entry for entry in facts["statements"] if entry.get("model") != "b"] + [
        {"quantity": "n_blocks", "model": "b", "printed": "two", "where": ["Methods"]},
        {"quantity": "sensitivity", "model": "b", "split": "test", "printed": "90%", "where": ["Results"]},
    ]
    found = contradictions(facts)["table_3"]
    assert found["consistent_value"]["n_solutions"] == 3
    assert found["consistent_value"]["true_positives"] in (10, 50)
    assert "3 tables would do equally well" in found["text"]


def test_without_class_totals_the_rows_of_a_table_that_fits_its_split_serve():
    facts = changed()
    facts["statements"] = [
        entry for entry in facts["statements"] if "of" not in entry or entry["quantity"] != "n_cells"
    ]
    assert contradictions(facts) == {}
    facts["statements"] = [
        entry for entry in facts["statements"] if (entry.get("split"), entry["quantity"]) != ("test", "n_cells")
    ]
    facts["relations"]["sums"] = []
    facts["tables"][0]["printed"]["true_positives"] = "45"
    # nothing says how large the split is: the table stands, and the statements disagree with it
    rates = ("accuracy.84.0", "accuracy.84", "sensitivity.90", "precision_all.84")
    assert set(contradictions(facts)) == {f"a.test.{rate}" for rate in rates} | {
        "gap.test.accuracy",
        "gap.test.precision_all",
    }


@pytest.mark.parametrize(
    ("first", "second", "sound"), [("33%", "33.4%", True), ("33%", "33.6%", False), ("12", "13", False)]
)
def test_a_quantity_that_is_given_twice_must_agree_within_rounding(first, second, sound):
    facts = changed()
    facts["statements"] += [
        {"quantity": "other", "printed": first, "where": ["Abstract"]},
        {"quantity": "other", "printed": second, "where": ["Results"]},
    ]
    found = contradictions(facts)
    assert set(found) == (set() if sound else {"same.other"})
    if not sound:
        assert found["same.other"]["consistent_value"] is None
        facts["statements"][-2]["where"].append("Conclusion")
        assert contradictions(facts)["same.other"]["consistent_value"] == first


def test_a_rate_of_something_else_is_not_held_against_the_table():
    facts = changed()
    facts["statements"].append(
        {
            "quantity": "accuracy",
            "of": "children",
            "model": "a",
            "split": "test",
            "printed": "50%",
            "where": ["Results"],
        }
    )
    assert contradictions(facts) == {}


def test_one_wrong_count_of_the_cohort_is_enough():
    facts = changed()
    wrong = {"id": "cohort", "stated": "n_cells", "counted": 999, "of": "files", "source": "files"}
    facts["relations"]["references"].append(wrong)
    assert contradictions(facts)["cohort"]["consistent_value"] == {"n_subjects": 12, "n_cells": 999}


@pytest.mark.parametrize(("area", "sound"), [("33.4", True), ("34.4", False)])
def test_importances_may_miss_the_whole_by_their_rounding_only(area, sound):
    facts = changed()
    facts["rankings"] = [{"where": ["Table 1"], "printed": {"area": area, "energy": "33.4", "contrast": "33.3"}}]
    assert set(contradictions(facts)) == (set() if sound else {"rest.table_1"})


def test_the_same_importances_in_another_order_differ():
    facts = changed(("rankings", 1, {"printed": {"energy": "30%", "area": "40%"}}))
    assert "energy > area against area > energy" in contradictions(facts)["importances.abstract"]["text"]


def test_a_gap_between_models_follows_from_the_rates_behind_it():
    other = ("statements", stated("a.test.false_positive_rate"), {"printed": "27.5%"})
    found = contradictions(changed(other, ("statements", stated("b.test.accuracy"), {"printed": "95.0%"})))
    assert set(found) == {"a.test.false_positive_rate.27.5", "b.test.accuracy.95.0", "gap.test.accuracy"}
    gap = found["gap.test.accuracy"]
    assert gap["follows_from"] == ["b.test.accuracy.95.0"]
    assert (gap["printed"], gap["consistent_value"]) == (pytest.approx(-0.11), pytest.approx(-0.06))


def test_gaps_are_tested_by_the_textbook():
    accuracy, false_negatives, _ = check_published(FACTS)["gap"]
    pooled = (84 + 90) / 200
    z = (0.84 - 0.90) / (pooled * (1 - pooled) * 2 / 100) ** 0.5
    assert (accuracy["z"], accuracy["p_value"]) == pytest.approx((z, 2 * norm.sf(abs(z))))
    assert (false_negatives["difference"], false_negatives["printed_difference"]) == (0, None)
    assert "subject" in accuracy["ignores"]


def test_a_gap_without_variance_has_no_p_value():
    perfect = {"true_negatives": "40", "false_positives": "0", "false_negatives": "0", "true_positives": "60"}
    facts = changed(("tables", 0, {"printed": perfect}), ("tables", 1, {"printed": perfect}))
    facts["statements"] = [entry for entry in facts["statements"] if entry["quantity"] not in PARTS]
    gap = check_published(facts)["gap"][0]
    assert (gap["difference"], gap["z"], gap["p_value"]) == (0, None, None)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("statements", 3, {"printed": "4O"}), r"statements\.3\.printed: .*'4O' can't be read"),
        (("statements", 3, {"wehre": ["Data"]}), r"statements\.3\.wehre"),
        (("statements", 7, {"model": "c"}), r"model 'c'"),
        (("relations", "sums", None), r"statement 'train.cells'"),
        (("tables", 1, {"model": "a"}), r"two tables of one split"),
        (("statements", 0, {"printed": "0"}), r"whole of 0: n_cells"),
    ],
)
def test_a_wrong_entry_is_named(edit, message):
    if edit[1] == "sums":
        facts = changed()
        facts["relations"]["sums"] = [{"whole": "n_cells", "parts": ["train.cells"]}]
    else:
        facts = changed(edit)
    with pytest.raises(ValueError, match=message):
        check_published(facts)


@pytest.fixture(scope="module")
def paper_facts():
    return yaml.safe_load((REPORT / "published_numbers.yml").read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def paper(paper_facts):
    return check_published(paper_facts)


@pytest.fixture(scope="module")
def found(paper):
    return {one["id"]: one for one in paper["contradictions"]}


def test_the_papers_contradictions_are_these(found):
    assert set(found) == {
        "table_4",
        "rf.test.false_positive_rate.35.76",
        "rf.test.accuracy.85.00",
        "gap.test.false_positive_rate",
        "gap.test.accuracy",
        "importances.abstract",
        "forest_augmentation",
        "cohort",
        "promoted_features",
        "announced_metrics",
    }


def test_the_networks_table_is_mended(found):
    table = found["table_4"]
    counts = {"true_negatives": 369, "false_positives": 140, "false_negatives": 68, "true_positives": 1023}
    assert table["recomputed"]["sum"] == 1814
    assert table["consistent_value"] == counts | {"n_solutions": 1}
    broken = "; ".join(table["breaks"])
    assert broken.count("accuracy") == 1
    assert all(text in broken for text in ("1,814, not 1,600", "86.66%", "32.04%", "94.6%"))
    assert "140 for 174 (which stands in Table 3)" in table["text"]
    assert "1,023 for 1,203 (the same digits in another order)" in table["text"]


def test_the_forests_false_positive_rate_takes_other_counts(found):
    rate_found = found["rf.test.false_positive_rate.35.76"]
    assert rate_found["recomputed"] == pytest.approx(174 / 509)
    takes = {"lowest": 182, "highest": 182, "of": 509}
    assert rate_found["consistent_value"] == {"printed": "34.18%", "takes": takes}
    assert {"Abstract", "Conclusion", "Table 3"} < set(rate_found["where"])


def test_importances_differ_in_values_and_order(found):
    importances = found["importances.abstract"]
    assert importances["where"] == ["Abstract", "Conclusion", "Table 1"]
    assert list(importances["printed"].values()) == ["10.71", "10.67", "10.50"]
    assert list(importances["consistent_value"].values()) == ["11.03", "10.73", "10.68"]
    assert "area > glcm energy > intensity skewness" in importances["text"]


def test_gap_augmentation_cohort_and_ratio(paper, found):
    gap = found["gap.test.false_positive_rate"]
    assert (round(100 * gap["printed"], 1), round(100 * gap["recomputed"], 1)) == (8.3, 6.7)
    assert [round(one["p_value"], 3) for one in paper["gap"]] == [0.054, 0.021, 0.727]
    assert found["forest_augmentation"]["printed"] == "7,462"
    assert found["cohort"]["printed"] == {"n_cells.archive": "15,135", "n_subjects.archive": "118"}
    assert list(found["cohort"]["recomputed"].values()) == [15114, 73]
    assert found["promoted_features"]["consistent_value"] == {"missing": ["nuclear_to_cytoplasmic_ratio"]}
    rates = paper["rates"]
    assert rates["cnn"]["test"]["false_positive_rate"]["recomputed"] == pytest.approx(140 / 509)
    assert rates["rf"]["test"]["accuracy"]["recomputed"] == pytest.approx(1354 / 1600)


def test_facts_about_the_data_are_those_that_the_project_goes_by(paper_facts, feature_settings):
    counted = {one["stated"]: one["counted"] for one in paper_facts["relations"]["references"]}
    parts = [part for fold in CNMC_2019.values() for part in fold.values()]
    assert counted["n_subjects.archive"] == sum(part.subjects for part in parts)
    assert counted["n_cells.used"] == sum(part.images for part in parts)
    assert set(paper_facts["lists"]["features"]["items"]) == set(feature_names(feature_settings()))


SECTIONS = {
    "answer",
    "cohort",
    "performance",
    "calibration",
    "referral",
    "subjects",
    "errors",
    "importances",
    "audit",
    "paper",
    "limits",
    "provenance",
    "checklist",
}


def test_the_checklist_is_complete_and_points_at_what_is_there():
    rows = yaml.safe_load((REPORT / "reporting_checklist.yml").read_text(encoding="ascii"))
    items = [(row["guideline"], row["item"]) for row in rows]
    assert len(set(items)) == len(items)
    assert {item.rstrip("abcdefg") for guideline, item in items if guideline == "TRIPOD+AI"} == set(
        map(str, range(1, 28))
    )
    assert [item for guideline, item in items if guideline == "CLAIM 2024"] == list(map(str, range(1, 45)))
    for row in rows:
        assert set(row) == {"guideline", "item", "topic", "status", "where", "note"}
        assert row["status"] in ("reported", "partly", "missing", "not applicable")
        assert bool(row["where"]) == (row["status"] in ("reported", "partly")), row
        assert row["note"] or row["status"] == "reported", row
        for place in row["where"]:
            assert (
                place.removeprefix("#") in SECTIONS if place.startswith("#") else (REPORT.parents[2] / place).exists()
            )
