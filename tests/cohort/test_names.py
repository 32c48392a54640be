import pytest

from blastscreen.cohort.names import CellName, natural_key, parse_cell_name
from blastscreen.vocabulary import CellLabel


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        ("fold_0/all/UID_1_2_3_all.bmp", CellName("1", 2, 3, CellLabel.ALL, "fold_0")),
        ("C-NMC_training_data/fold_2/hem/UID_h3_4_1_hem.bmp", CellName("H3", 4, 1, CellLabel.HEM, "fold_2")),
        ("UID_H11_21_1_hem.png", CellName("H11", 21, 1, CellLabel.HEM, None)),
        ("FOLD_12/uid_51_180_2_ALL", CellName("51", 180, 2, CellLabel.ALL, "fold_12")),
        ("fold_0/copy/fold_1/UID_7_1_1_all.JPEG", CellName("7", 1, 1, CellLabel.ALL, "fold_1")),
        # the label is the name's own word: contradictions with the folder are reported, not repaired
        ("fold_1/hem/UID_7_1_1_all.bmp", CellName("7", 1, 1, CellLabel.ALL, "fold_1")),
        ("my_fold_1/UID_7_1_1_all.bmp", CellName("7", 1, 1, CellLabel.ALL, None)),
    ],
)
def test_name_is_read(image_id: str, expected: CellName) -> None:
    assert parse_cell_name(image_id) == expected


@pytest.mark.parametrize(
    "image_id",
    [
        "1867.bmp",
        "UID_1_2_all.bmp",
        "UID_1_2_3_healthy.bmp",
        "UID__2_3_all.bmp",
        "UID_1_2_3_all (1).bmp",
        "xUID_1_2_3_all.bmp",
        "UID_1_2_3_all.bmp/readme.txt",
        "UID_1+2_2_3_all.bmp",  # "+" joins the ids of a subject group
        "UID_1_²_3_all.bmp",
        "UID_\N{KELVIN SIGN}1_2_3_all.bmp",  # looks like K1, and lower-cases to it
        "UID_1_1234567890_3_all.bmp",
        "UID_1_2_3_all\n",
        "",
    ],
)
def test_other_names_are_not_guessed(image_id: str) -> None:
    assert parse_cell_name(image_id) is None


def test_the_h_of_a_subject_is_part_of_its_id() -> None:
    all_subject = parse_cell_name("UID_11_1_1_all.bmp")
    hem_subject = parse_cell_name("UID_H11_1_1_hem.bmp")

    assert all_subject is not None
    assert hem_subject is not None
    assert (all_subject.subject_id, hem_subject.subject_id) == ("11", "H11")


def test_subjects_sort_as_people_count() -> None:
    assert sorted(["H10", "9", "H3", "51", "03", "H2+H4", "3"], key=natural_key) == [
        "03",
        "3",
        "9",
        "51",
        "H2+H4",
        "H3",
        "H10",
    ]
