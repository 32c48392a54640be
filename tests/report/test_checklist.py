from pathlib import Path

import yaml

REPORT = Path(__file__).parents[2] / "src" / "blastscreen" / "report"

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
