import json
from collections.abc import Callable

import pandas as pd
import pytest

from blastscreen.cohort.integrity import describe_cohort
from blastscreen.cohort.names import CNMC_2019
from blastscreen.vocabulary import CellLabel, ReferenceCohort

IndexOf = Callable[..., pd.DataFrame]


@pytest.fixture
def small_index(index_of: IndexOf) -> pd.DataFrame:
    same = {"pixel_hash": "shared by 20 and 21"}
    return index_of(
        "fold_0/all/UID_1_1_1_all.bmp",
        "1867.bmp",
        **{
            "fold_0/all/UID_20_1_1_all.bmp": same,
            "fold_2/all/UID_21_1_1_all.bmp": same,
            "fold_2/hem/UID_h3_1_1_hem.bmp": {"pixel_hash": "twice in H3"},
            "fold_2/hem/UID_h3_1_2_hem.bmp": {"pixel_hash": "twice in H3", "status": "review", "reasons": "border"},
            "fold_2/hem/UID_h3_1_3_hem.bmp": {"status": "review", "reasons": "border;frame_size"},
            "fold_2/hem/UID_H10_1_1_hem.bmp": {"status": "rejected", "reasons": "extension_mismatch;no_cell"},
            "fold_2/hem/UID_H10_1_2_hem.bmp": {"status": "rejected", "reasons": "no_cell"},
            "notes.txt": {"status": "rejected", "reasons": "unreadable"},
        },
    )


def test_everything_is_counted(small_index: pd.DataFrame) -> None:
    report = describe_cohort(small_index, reference=ReferenceCohort.NONE)

    assert report == {
        "data_source": "a test",
        "n_files": 10,
        "n_accepted": 4,
        "n_review": 1,
        "n_duplicate": 2,
        "n_rejected": 3,
        "n_unfit": 1,
        "rejected_reasons": {
            "extension_mismatch": {"n_files": 1, "examples": ["fold_2/hem/UID_H10_1_1_hem.bmp"]},
            "no_cell": {
                "n_files": 2,
                "examples": ["fold_2/hem/UID_H10_1_1_hem.bmp", "fold_2/hem/UID_H10_1_2_hem.bmp"],
            },
            "unreadable": {"n_files": 1, "examples": ["notes.txt"]},
        },
        "review_reasons": {
            "border": {"n_files": 1, "examples": ["fold_2/hem/UID_h3_1_3_hem.bmp"]},
            "frame_size": {"n_files": 1, "examples": ["fold_2/hem/UID_h3_1_3_hem.bmp"]},
        },
        "labels": [
            {"label": "all", "images": 2, "subjects": 2},
            {"label": "hem", "images": 2, "subjects": 1},
            {"label": None, "images": 1, "subjects": 0},
        ],
        "folds": [
            {"source_fold": "fold_0", "label": "all", "images": 2, "subjects": 2},
            {"source_fold": "fold_2", "label": "hem", "images": 2, "subjects": 1},
            {"source_fold": None, "label": None, "images": 1, "subjects": 0},
        ],
        "subjects": [
            {"subject_id": None, "accepted": 1, "review": 0, "duplicate": 0, "rejected": 1},
            {"subject_id": "1", "accepted": 1, "review": 0, "duplicate": 0, "rejected": 0},
            {"subject_id": "20", "accepted": 1, "review": 0, "duplicate": 0, "rejected": 0},
            {"subject_id": "21", "accepted": 0, "review": 0, "duplicate": 1, "rejected": 0},
            {"subject_id": "H3", "accepted": 1, "review": 1, "duplicate": 1, "rejected": 0},
            {"subject_id": "H10", "accepted": 0, "review": 0, "duplicate": 0, "rejected": 2},
        ],
        "duplicates": {
            "within_subject": {
                "groups": 1,
                "images": 2,
                "examples": [["fold_2/hem/UID_h3_1_1_hem.bmp", "fold_2/hem/UID_h3_1_2_hem.bmp"]],
            },
            "across_subjects": {
                "groups": 1,
                "images": 2,
                "examples": [["fold_0/all/UID_20_1_1_all.bmp", "fold_2/all/UID_21_1_1_all.bmp"]],
            },
        },
        "merged_subjects": [{"subject_group": "20+21", "subject_ids": ["20", "21"], "images": 2}],
        "reference": None,
    }


def _require_plain(value: object) -> None:
    """Fail on anything but the exact types of JSON: a StrEnum or a numpy integer is none of them."""
    assert type(value) in {dict, list, str, int, bool, type(None)}, f"{value!r} is a {type(value)}"
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    for child in children:
        _require_plain(child)


@pytest.mark.parametrize("reference", ReferenceCohort)
def test_report_is_plain_json(small_index: pd.DataFrame, reference: ReferenceCohort) -> None:
    report = describe_cohort(small_index, reference=reference)

    _require_plain(report)
    assert json.loads(json.dumps(report)) == report


def test_examples_are_capped_but_counts_are_not(index_of: IndexOf) -> None:
    rejected = {"status": "rejected", "reasons": "empty_file"}
    report = describe_cohort(
        index_of(**{f"{number:02}.bmp": rejected for number in range(12)}), reference=ReferenceCohort.NONE
    )

    assert report["rejected_reasons"]["empty_file"]["n_files"] == 12
    assert report["rejected_reasons"]["empty_file"]["examples"] == [f"{number:02}.bmp" for number in range(10)]


def test_empty_folder_is_described(index_of: IndexOf) -> None:
    report = describe_cohort(index_of(), reference=ReferenceCohort.CNMC_2019)

    assert report["n_files"] == 0
    assert (report["labels"], report["folds"], report["subjects"], report["merged_subjects"]) == ([], [], [], [])
    assert report["reference"]["missing"] == 10_661


@pytest.fixture(scope="module")
def published_names() -> list[str]:
    """As many names as C-NMC 2019 publishes, with as many subjects in every fold."""
    names = []
    next_subject = 1
    for fold, labels in CNMC_2019.items():
        for label, (n_images, n_subjects) in labels.items():
            for image in range(n_images):
                subject = next_subject + image % n_subjects
                prefix = "H" if label == CellLabel.HEM else ""
                names.append(f"{fold}/{label}/UID_{prefix}{subject}_{image}_1_{label}.bmp")
            next_subject += n_subjects
    return names


def test_published_counts_add_up_to_the_training_set() -> None:
    totals = {
        label: tuple(sum(labels[label][part] for labels in CNMC_2019.values()) for part in range(2))
        for label in CellLabel
    }

    assert totals == {CellLabel.ALL: (7272, 47), CellLabel.HEM: (3389, 26)}


def test_whole_cohort_is_complete(index_of: IndexOf, published_names: list[str]) -> None:
    reference = describe_cohort(index_of(*published_names), reference=ReferenceCohort.CNMC_2019)["reference"]

    assert (reference["complete"], reference["missing"], reference["unexpected"]) == (True, 0, 0)
    assert reference["doi"] == "10.7937/tcia.2019.dc64i46r"
    assert reference["comparison"][3] == {
        "source_fold": "fold_1",
        "label": "hem",
        "published_images": 1163,
        "found_images": 1163,
        "published_subjects": 3,
        "found_subjects": 3,
    }
    assert len(reference["comparison"]) == 6


def test_gaps_and_surplus_are_told_apart(index_of: IndexOf, published_names: list[str]) -> None:
    truncated = {published_names[0]: {"status": "rejected", "reasons": "truncated"}}
    strays = ["fold_7/hem/UID_H99_1_1_hem.bmp", "1867.bmp", "fold_1/hem/UID_H98_1_1_hem.bmp"]
    cell_index = index_of(*published_names[:-1], *strays, **truncated)

    reference = describe_cohort(cell_index, reference=ReferenceCohort.CNMC_2019)["reference"]

    assert (reference["complete"], reference["missing"], reference["unexpected"]) == (False, 2, 3)
    found = {(row["source_fold"], row["label"]): row["found_images"] for row in reference["comparison"]}
    assert found["fold_0", "all"] == 2396
    assert found["fold_1", "hem"] == 1164
    assert found["fold_2", "hem"] == 1095


def test_right_images_of_the_wrong_subjects_are_not_complete(index_of: IndexOf, published_names: list[str]) -> None:
    names = [name.replace("fold_1/hem/UID_H", "fold_1/hem/UID_HX") for name in published_names]
    renamed = [name.replace("UID_HX", f"UID_H{number % 5}X") for number, name in enumerate(names)]

    reference = describe_cohort(index_of(*renamed), reference=ReferenceCohort.CNMC_2019)["reference"]

    assert (reference["missing"], reference["unexpected"], reference["complete"]) == (0, 0, False)
