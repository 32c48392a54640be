"""The index keeps a row for every record and never guesses an identity."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.cohort.index import (
    build_cell_index,
    note_on_source,
    select_counted,
    tabulate_records,
)
from blastscreen.cohort.names import parse_cell_name
from blastscreen.schemas import CELL_INDEX
from blastscreen.vocabulary import GENERATED_SAMPLE


def record(image_id, *, status="accepted", reasons="", pixel_hash="a"):
    return {"image_id": image_id, "status": status, "reasons": reasons, "detail": "", "pixel_hash": pixel_hash}


RECORDS = [
    record("fold_0/hem/UID_H10_1_2_hem.bmp", pixel_hash="shared"),
    record("fold_1/hem/UID_h3_4_5_hem.bmp", pixel_hash="shared"),
    record("fold_0/all/UID_11_1_1_all.bmp", status="review", reasons="border", pixel_hash="other"),
    record("fold_0/hem/UID_H11_1_1_hem.bmp", status="rejected", reasons="truncated", pixel_hash=None),
    record("holiday.png", pixel_hash="third"),
]


def index_of(records, *, data_source="somewhere", once=True, **options):
    return build_cell_index([tabulate_records(records)], data_source=data_source, count_duplicates_once=once, **options)


def test_one_row_per_record_in_the_schema():
    index = index_of(RECORDS)
    CELL_INDEX.validate(index)
    assert index["image_id"].tolist() == [row["image_id"] for row in RECORDS]
    assert set(index["data_source"]) == {"somewhere"}


def test_names_give_identity_and_shared_pixels_join_subjects():
    index = index_of(RECORDS).set_index("image_id")
    lower_case = index.loc["fold_1/hem/UID_h3_4_5_hem.bmp"]
    assert (lower_case["subject_id"], lower_case["field_number"], lower_case["cell_number"]) == ("H3", 4, 5)
    assert lower_case["source_fold"] == "fold_1"
    assert index["subject_group"].iloc[:3].tolist() == ["H3+H10", "H3+H10", "11"]


def test_a_rejected_file_keeps_its_subject_but_has_no_label():
    row = index_of(RECORDS).iloc[3]
    assert row["subject_id"] == "H11"
    assert pd.isna(row["label"])
    assert pd.isna(row["subject_group"])


def test_a_name_that_says_nothing_gives_no_identity():
    row = index_of(RECORDS).iloc[4]
    assert row[["subject_id", "label", "field_number"]].isna().all()


def test_a_name_from_before_renaming_gives_the_identity_and_the_file_keeps_its_own():
    renamed = {"holiday.png": parse_cell_name("UID_H10_7_2_hem.bmp")}
    row = index_of(RECORDS, cell_names=renamed).iloc[4]
    assert row["image_id"] == "holiday.png"
    assert (row["subject_id"], row["label"], row["field_number"]) == ("H10", "hem", 7)
    assert row["subject_group"] == "H3+H10"


def test_a_folder_gives_the_label_of_a_name_that_says_nothing_and_no_subject():
    index = index_of([record("fold_1/ALL/1.bmp")])
    CELL_INDEX.validate(index)
    row = index.iloc[0]
    assert (row["label"], row["source_fold"]) == ("all", "fold_1")
    assert row[["subject_id", "subject_group"]].isna().all()


@pytest.mark.parametrize(("once", "going_on"), [(True, (1, 2, 4)), (False, (0, 1, 2, 4))])
def test_only_rejected_rows_and_duplicates_stay_behind(once, going_on):
    accepted = select_counted(index_of(RECORDS, once=once))
    assert accepted["image_id"].tolist() == [RECORDS[position]["image_id"] for position in going_on]


def test_a_duplicate_keeps_its_row_label_and_reasons_and_names_what_it_repeats():
    records = [
        # each says less than the next, or has a longer name
        record("a.bmp", status="review", reasons="border;lossy_source"),
        record("UID_5_1_1_all.bmp", status="review", reasons="border"),
        record("copy/fold_0/all/UID_4_1_1_all.bmp"),
        record("fold_0/all/UID_4_1_1_all.bmp"),
        record("UID_4_1_1_all.bmp", status="rejected", reasons="truncated", pixel_hash=None),
    ]
    index = CELL_INDEX.validate(index_of(records))
    assert index["image_id"].tolist() == [row["image_id"] for row in records]
    assert index["status"].tolist() == ["duplicate"] * 3 + ["accepted", "rejected"]
    assert index["reasons"].tolist() == [
        *("border;duplicate;lossy_source", "border;duplicate", "duplicate"),
        *("", "truncated"),
    ]
    assert index["detail"].tolist() == ["the same picture as fold_0/all/UID_4_1_1_all.bmp"] * 3 + ["", ""]
    assert index["label"].fillna("").tolist() == ["", "all", "all", "all", ""]
    assert index["subject_group"].fillna("").tolist() == ["", "4+5", "4+5", "4+5", ""]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12")), max_size=8), st.randoms())
def test_every_picture_counts_once_whatever_the_order_of_files(pictures, random):
    records = [
        record(f"UID_{subject}_1_{number}_all.bmp", pixel_hash=pixels)
        for number, (pixels, subject) in enumerate(pictures)
    ]
    index = index_of(records)
    assert len(index) == len(records)
    assert sorted(select_counted(index)["pixel_hash"]) == sorted({pixels for pixels, _ in pictures})
    shuffled = random.sample(records, len(records))
    again = index_of(shuffled).set_index("image_id").loc[index["image_id"]]
    assert again["status"].tolist() == index["status"].tolist()


def test_no_file_at_all_gives_an_empty_table_in_the_schema():
    CELL_INDEX.validate(build_cell_index([], data_source="somewhere", count_duplicates_once=True))


def test_drawn_cells_are_marked_and_others_are_not():
    assert note_on_source(index_of(RECORDS, data_source=GENERATED_SAMPLE)) == GENERATED_SAMPLE
    assert note_on_source(index_of(RECORDS, data_source="C-NMC_training_data")) == ""
