"""The sheet of labels of the preliminary test images: every row fits one image, or all that is wrong is said."""

import pandas as pd
import pytest

from blastscreen.cohort import CohortError, read_original_names


def sheet(*rows):
    return pd.DataFrame(rows, columns=["Patient_ID", "new_names", "labels"], dtype="str")


RIGHT = (("UID_57_29_1_all.bmp", "1.bmp", "1"), ("UID_h40_2_1_hem.bmp", " 2.bmp ", "0"))


def problems(table, image_ids):
    with pytest.raises(CohortError) as refused:
        read_original_names(table, image_ids)
    return refused.value.args


def test_each_image_gets_the_name_of_its_row_whatever_folder_it_is_in():
    names = read_original_names(sheet(*RIGHT), ["a/2.bmp", "1.bmp"])
    assert names == {"1.bmp": "UID_57_29_1_all.bmp", "a/2.bmp": "UID_h40_2_1_hem.bmp"}


def test_columns_are_named_when_they_are_missing():
    (problem,) = problems(sheet(*RIGHT).rename(columns={"labels": "label"}), ["1.bmp", "2.bmp"])
    assert "no column labels; it has Patient_ID, new_names, label" in problem


def test_everything_that_is_wrong_is_said_at_once():
    table = sheet(
        *RIGHT,
        ("UID_57_29_2_all.bmp", "1.bmp", "1"),
        ("UID_57_29_3_all.bmp", "3.bmp", "ALL"),
        ("somebody", "4.bmp", "1"),
        ("UID_57_29_5_all.bmp", "5.bmp", "0"),
        ("UID_57_29_6_all.bmp", "6.bmp", "1"),
    )
    images = ["1.bmp", "2.bmp", "a/3.bmp", "b/3.bmp", "4.bmp", "5.bmp", "7.bmp"]
    found = [text.split(". ")[0] for text in problems(table, images)]
    assert found == [
        "1 file named by several rows: 1.bmp",
        "2 files of the same name in several folders: a/3.bmp, b/3.bmp",
        "1 file with a label that is neither 1 (ALL) nor 0 (HEM): 3.bmp (ALL)",
        "1 file with a Patient_ID that can't be read: 4.bmp (somebody)",
        "1 file with a label that contradicts the Patient_ID: 5.bmp (UID_57_29_5_all.bmp, 0)",
        "1 file without a row: 7.bmp",
        "1 file named by a row but not in the folder: 6.bmp",
    ]


def test_no_rows_and_no_images_are_no_problem():
    assert read_original_names(sheet(), []) == {}
