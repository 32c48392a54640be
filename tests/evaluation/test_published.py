import copy
import json
from pathlib import Path

import pytest
import yaml

from blastscreen.cohort.names import CNMC_2019
from blastscreen.evaluation.published import check_published, read_number
from blastscreen.features.measurement import feature_names

REPORT = Path(__file__).parents[2] / "src" / "blastscreen" / "report"

# 40 normal cells and 60 blasts on which two models are right 30 + 54 and 36 + 54 times
FACTS = {
    "citation": {"authors": ["A. Author"], "title": "A title", "journal": "A journal", "doi": "10.0/0"},
    "models": {"a": "model A", "b": "model B"},
    "statements": {
        "n_cells": {"1,000": ["Abstract", "Data"]},
        "train.n_cells": {"900": ["Data"]},
        "test.n_cells": {"100": ["Data"]},
        "test.n_cells.hem": {"40": ["Data"]},
        "test.n_cells.all": {"60": ["Data"]},
        "train.share": {"90%": ["Data"]},
        "n_subjects": {"12": ["Data"]},
        "a.n_cells_trained_on": {"1,800": ["Methods"]},
        "b.n_blocks": {"2": ["Methods"]},
        "lowest_confidence": {"61%": ["Results"]},
        "lowest_confidence.hem": {"61%": ["Results"]},
        "lowest_confidence.all": {"63%": ["Results"]},
        "importance.area": {"40.2%": ["Table 1"], "40%": ["Abstract"]},
        "importance.energy": {"30.0%": ["Table 1"], "30%": ["Abstract"]},
        "a.test.accuracy": {"84.0%": ["Results"], "84%": ["Abstract"]},
        "a.test.sensitivity": {"90%": ["Results"]},
        "a.test.false_positive_rate": {"25.0%": ["Results"]},
        "a.test.precision_all": {"84%": ["Results"]},
        "b.test.precision_all": {"93%": ["Results"]},
        "b.test.accuracy": {"90.0%": ["Results"]},
        "b.test.false_positives": {"4": ["Results"]},
        # of some cells of the split alone, so not held against its table
        "a.test.accuracy.children": {"50%": ["Results"]},
    },
    "tables": [
        {"where": "Table 2", "model": "a", "split": "test", "printed": [30, 10, 6, 54]},
        {"where": "Table 3", "model": "b", "split": "test", "printed": [36, 4, 6, 54]},
    ],
    "lists": {
        "features": {"where": ["Methods"], "items": ["area", "energy", "contrast"]},
        "ranking": {"where": ["Table 1"], "items": ["area", "energy"]},
        "promoted": {"where": ["Introduction"], "items": ["energy"]},
        "filters": {"where": ["Methods"], "items": ["32", "64"]},
    },
    "relations": [
        {"kind": "sum", "statement": "n_cells", "of": ["train.n_cells", "test.n_cells"]},
        {"kind": "quotient", "statement": "train.share", "of": ["train.n_cells", "n_cells"]},
        {
            "kind": "lowest",
            "statement": "lowest_confidence",
            "of": ["lowest_confidence.hem", "lowest_confidence.all"],
        },
        {"kind": "length", "statement": "b.n_blocks", "of": ["filters"]},
        {"kind": "implication", "id": "augmented", "statement": "a.n_cells_trained_on", "of": ["train.n_cells"]},
        {"kind": "cohort", "id": "cohort", "statement": "n_subjects", "of": ["12"]},
        {"kind": "cohort", "id": "cohort", "statement": "n_cells", "of": ["1,000"]},
    ],
    "lists_compared": [
        {"kind": "inclusion", "id": "promoted", "items": "promoted", "within": "features"},
        {"kind": "order", "id": "ranking", "items": "ranking", "within": "order_of_importances"},
    ],
    "comparisons": [["b.test.accuracy", "a.test.accuracy"], ["b.test.precision_all", "a.test.precision_all"]],
}


def printed_otherwise(*edits):
    """Copy the facts with some entries changed: (section, key or place, new value)."""
    facts = copy.deepcopy(FACTS)
    for section, place, value in edits:
        facts[section][place] = value
    return facts


def contradictions(*edits):
    return {found["id"]: found for found in check_published(printed_otherwise(*edits))["contradictions"]}


def test_numbers_are_read_with_their_rounding():
    assert read_number("10,661")[3:] == (10661, 0)
    assert read_number("35.76%")[3:] == pytest.approx((0.3576, 0.00005))
    assert read_number("34.18%").agrees(174 / 509)
    assert not read_number("34.2%").agrees(0.34251)
    assert read_number("85%").agrees([0.845, 0.855, 0.8551, None]).tolist() == [True, True, False, False]
    assert not read_number("1,600").agrees(1600.4)
    spelled = {"0.5%": 1 / 3, "2:1": 2.15, "1,600": 1814.2}
    assert [read_number(like).spell(value) for like, value in spelled.items()] == ["33.3%", "2:1", "1,814"]
    with pytest.raises(ValueError, match=r"'4O' can't be read"):
        read_number("4O")


def test_consistent_facts_give_no_contradiction():
    check = check_published(FACTS)
    assert check["contradictions"] == []
    assert check["n_checked"] == len(check["agreements"])
    kinds = {"table", "rate", "count", "gap", "order", "sum", "quotient", "lowest", "length", "implication", "cohort"}
    assert {found["kind"] for found in check["agreements"]} == kinds | {"inclusion", "same_quantity"}
    assert check["rates"]["a"]["test"]["false_positive_rate"] == {
        "recomputed": 0.25,
        "printed": [{"text": "25.0%", "value": 0.25, "agrees": True}],
    }
    json.dumps(check, allow_nan=False)


PLANTED = {
    "rate": (
        ("statements", "a.test.false_positive_rate", {"27.5%": ["Results"]}),
        "a.test.false_positive_rate.27.5",
        "25.0%",
    ),
    "count": (("statements", "b.test.false_positives", {"5": ["Results"]}), "b.test.false_positives.5", "4"),
    "sum": (("statements", "train.n_cells", {"901": ["Data"]}), "sum.n_cells", "1,001"),
    "quotient": (("statements", "train.share", {"80%": ["Data"]}), "quotient.train.share", "90%"),
    "lowest": (("statements", "lowest_confidence", {"60%": ["Results"]}), "lowest.lowest_confidence", "61%"),
    "length": (("statements", "b.n_blocks", {"3": ["Methods"]}), "length.b.n_blocks", "2"),
    "implication": (("statements", "a.n_cells_trained_on", {"900": ["Methods"]}), "augmented", "900"),
    "cohort": (("statements", "n_subjects", {"20": ["Data"]}), "cohort", "12"),
    "inclusion": (
        ("lists", "promoted", {"where": ["Introduction"], "items": ["energy", "colour"]}),
        "promoted",
        "energy",
    ),
    "order": (
        ("lists", "ranking", {"where": ["Table 1"], "items": ["energy", "area"]}),
        "ranking",
        "area, energy",
    ),
    "same_quantity": (
        ("statements", "importance.area", {"40.2%": ["Table 1"], "39%": ["Abstract"]}),
        "same.importance",
        "40%",
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_contradiction_is_found_with_what_would_agree(kind):
    edit, name, recomputed = PLANTED[kind]
    found = contradictions(edit)[name]
    assert (found["kind"], found["recomputed"]) == (kind, [recomputed])
    assert found["printed"][0] in found["text"]
    assert found["where"]


def test_what_is_wrong_in_one_of_several_places_is_one_contradiction():
    found = contradictions(
        ("statements", "n_subjects", {"20": ["Data"]}), ("relations", 6, FACTS["relations"][6] | {"of": ["999"]})
    )
    assert set(found) == {"cohort"}
    assert (found["cohort"]["printed"], found["cohort"]["recomputed"]) == (["20", "1,000"], ["12", "999"])


def test_a_rate_is_explained_by_the_counts_that_it_takes():
    takes = contradictions(("statements", "a.test.false_positive_rate", {"27.5%": ["Results"]}))
    assert "27.5% takes 11 of 40 instead of 10" in takes["a.test.false_positive_rate.27.5"]["text"]
    # 30 + 53 of 99 and not 84.00 %
    found = contradictions(
        ("tables", 0, FACTS["tables"][0] | {"printed": [30, 10, 6, 53]}),
        ("statements", "test.n_cells.all", {"59": ["Data"]}),
        ("statements", "test.n_cells", {"99": ["Data"]}),
        ("statements", "a.test.accuracy", {"84.00%": ["Results"]}),
    )["a.test.accuracy.84.00"]
    assert (found["kind"], found["recomputed"]) == ("digits", ["83.84%"])
    assert found["text"].endswith("rounded to 84% it agrees.")


def test_a_slip_in_a_table_is_corrected_from_the_text():
    check = check_published(printed_otherwise(("tables", 0, FACTS["tables"][0] | {"printed": [30, 4, 6, 45]})))
    (found,) = check["contradictions"]
    assert (found["id"], found["kind"]) == ("Table 2", "table")
    pairs = set(zip(found["printed"], found["recomputed"], strict=True))
    sums = {("100", "85"), ("40", "34"), ("60", "51")}
    rates = {("84.0%", "88.2%"), ("84%", "88%"), ("90%", "88%"), ("25.0%", "11.8%"), ("84%", "92%")}
    assert pairs == sums | rates | {("30, 4, 6, 45", "30, 10, 6, 54")}
    assert "false positives 10 for 4" in found["text"]
    assert check["tables"][0]["n_solutions"] == 1


def test_of_tables_that_do_equally_well_the_nearest_is_taken():
    # each cell that is left as it is and the rate of the text ask for another table
    facts = printed_otherwise(
        ("tables", 1, FACTS["tables"][1] | {"printed": [36, 4, 50, 50]}),
        ("statements", "b.test.sensitivity", {"90%": ["Results"]}),
    )
    for key in ("b.test.precision_all", "b.test.accuracy", "b.test.false_positives"):
        del facts["statements"][key]
    table = check_published(facts | {"comparisons": []})["tables"][1]
    assert table["n_solutions"] == 3
    assert table["consistent"]["true_positives"] in (10, 50)


def test_a_table_stands_where_nothing_says_how_many_cells_of_a_class_there_are():
    facts = printed_otherwise(("tables", 0, FACTS["tables"][0] | {"printed": [30, 10, 6, 45]}))
    del facts["statements"]["test.n_cells.all"]
    check = check_published(facts)
    assert check["tables"][0]["consistent"]["true_positives"] == 45
    wrong = {found["id"] for found in check["contradictions"]}
    assert {"test.n_cells.100", "a.test.accuracy.84.0", "a.test.sensitivity.90"} <= wrong


@pytest.mark.parametrize(
    ("first", "second", "sound"), [("33%", "33.4%", True), ("33%", "33.6%", False), ("12", "13", False)]
)
def test_a_quantity_that_is_given_twice_must_agree_within_rounding(first, second, sound):
    found = contradictions(("statements", "other", {first: ["Abstract"], second: ["Results"]}))
    assert set(found) == (set() if sound else {"same.other"})


def test_a_gap_between_models_follows_from_the_rates_behind_it():
    found = contradictions(
        ("statements", "a.test.false_positive_rate", {"27.5%": ["Results"]}),
        ("statements", "b.test.accuracy", {"95.0%": ["Results"]}),
    )
    assert set(found) == {"a.test.false_positive_rate.27.5", "b.test.accuracy.95.0", "gap.test.accuracy"}
    gap = found["gap.test.accuracy"]
    assert gap["follows_from"] == ["b.test.accuracy.95.0"]
    assert (gap["printed"], gap["recomputed"]) == (["11.0%"], ["6.0%"])


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"'train\.cells' can't be read"):
        contradictions(("relations", 0, FACTS["relations"][0] | {"of": ["train.cells", "test.n_cells"]}))


@pytest.fixture(scope="module")
def paper_facts():
    return yaml.safe_load((REPORT / "published_numbers.yml").read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def paper(paper_facts):
    return check_published(paper_facts)


def test_the_papers_contradictions_are_these(paper):
    found = {one["id"]: one for one in paper["contradictions"]}
    assert {name: one["recomputed"] for name, one in found.items() if name != "Table 4"} == {
        "rf.test.false_positive_rate.35.76": ["34.18%"],
        "rf.test.accuracy.85.00": ["84.62%"],
        "gap.test.false_positive_rate": ["6.7%"],
        "gap.test.accuracy": ["2.4%"],
        "same.importance": ["area, intensity skewness, glcm energy", "11.03%", "10.73%", "10.68%"],
        "forest_augmentation": ["7,462"],
        "cohort": ["15,114", "73"],
        "promoted_features": ["area, perimeter, circularity"],
        "announced_metrics": ["accuracy, precision all, sensitivity"],
    }
    assert "182 of 509 instead of 174" in found["rf.test.false_positive_rate.35.76"]["text"]
    assert {"Abstract", "Conclusion", "Table 3"} < set(found["rf.test.false_positive_rate.35.76"]["where"])
    assert {"Abstract", "Conclusion", "Table 1"} < set(found["same.importance"]["where"])


def test_the_networks_table_is_mended(paper):
    (found,) = (one for one in paper["contradictions"] if one["id"] == "Table 4")
    pairs = dict(zip(found["printed"], found["recomputed"], strict=True))
    assert (pairs["1,600"], pairs["87.00%"], pairs["27.50%"], pairs["93.8%"]) == ("1,814", "86.66%", "32.04%", "94.6%")
    assert pairs["369, 174, 68, 1,203"] == "369, 140, 68, 1,023"
    rates = paper["rates"]
    assert rates["cnn"]["test"]["false_positive_rate"]["recomputed"] == pytest.approx(140 / 509)
    assert rates["rf"]["test"]["accuracy"]["recomputed"] == pytest.approx(1354 / 1600)


def test_facts_about_the_data_are_those_that_the_project_goes_by(paper_facts, feature_settings):
    counted = {one["statement"]: one["of"] for one in paper_facts["relations"] if one["kind"] == "cohort"}
    parts = [part for fold in CNMC_2019.values() for part in fold.values()]
    assert counted["n_subjects.archive"] == [f"{sum(subjects for _, subjects in parts)}"]
    assert counted["n_cells.used"] == [f"{sum(images for images, _ in parts):,}"]
    assert set(paper_facts["lists"]["features"]["items"]) == set(feature_names(feature_settings()))
