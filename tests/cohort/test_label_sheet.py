"""Sheets of labels: read as spreadsheets save them, and every row fits one image, or all that is wrong is said."""

import codecs

import pytest

from blastscreen.cohort.label_sheet import parse_label_sheet, read_cell_names
from blastscreen.cohort.soundness import CohortError

HEADER = "Patient_ID,new_names,labels\n"
TEXT = HEADER + "UID_57_29_1_all.bmp,1.bmp,1\nUID_h40_2_1_hem.bmp,2.bmp,0\n"
ROWS = parse_label_sheet(TEXT.encode())


def cells_of(rows, image_ids=("1.bmp", "2.bmp")):
    return {
        image_id: (name.subject_id, name.label)
        for image_id, name in read_cell_names(parse_label_sheet((HEADER + rows).encode()), image_ids).items()
    }


def problems(rows, image_ids):
    with pytest.raises(CohortError) as refused:
        cells_of(rows, image_ids)
    return refused.value.args


@pytest.mark.parametrize(
    "data",
    [
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        b"sep=;\r\n" + TEXT.replace(",", ";").encode(),
        b'"sep=|"\n' + TEXT.replace(",", "|").encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace(",1\n", ",1.0\n").replace(",0\n", ",0.0\n").encode(),
        TEXT.replace(",", ";").replace(";1\n", ";1,0\n").replace(";0\n", ";0,00\n").encode(),
        TEXT.replace("\n", ",,\n").encode(),
        ("\n" + TEXT + ",,\n\n , ,\n").encode(),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in TEXT.split()).encode(),
        TEXT.replace(",", " , ").encode(),
        TEXT.replace("Patient_ID,new_names,labels", "PATIENT_ID,New_Names,LABELS").encode(),
        ("Größe,".encode("cp1252") + TEXT.replace("\n", "\n,").rstrip(",").encode()),
    ],
)
def test_every_way_of_saving_is_read_alike(data):
    assert parse_label_sheet(data) == ROWS


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 an xlsx or ods", "it is a workbook"),
        (b"\xd0\xcf\x11\xe0 an xls", "it is a workbook"),
        (b"\0\1\2 anything", "it is not text"),
        (TEXT.encode("utf-16")[:-1], "it is not text"),
        (b"", "it has no column Patient_ID, new_names, labels; it has none"),
        (b"UID_57_29_1_all.bmp,1.bmp,1", "it has no column"),
        (TEXT.replace("new_names", "file").encode(), "it has no column new_names; it has Patient_ID, file, labels"),
    ],
)
def test_what_is_no_sheet_says_in_a_sentence_how_to_save_it(data, said):
    with pytest.raises(CohortError) as refused:
        parse_label_sheet(data)
    (problem,) = refused.value.args
    assert problem.startswith(said)
    assert problem.endswith("Save it as CSV (UTF-8) with the columns Patient_ID,new_names,labels")


def test_each_image_gets_what_its_row_says_whatever_folder_it_is_in():
    names = read_cell_names(ROWS, ["a/2.bmp", "fold_1/1.bmp"])
    assert [(key, name.subject_id, name.label, name.source_fold) for key, name in names.items()] == [
        ("fold_1/1.bmp", "57", "all", "fold_1"),
        ("a/2.bmp", "H40", "hem", None),
    ]


def test_names_may_lack_their_extension_differ_in_case_or_be_paths():
    expected = [("57", "all"), ("H40", "hem")]
    for first, second, images in (
        ("1", "2", ["1.bmp", "2.bmp"]),
        ("1.0", "2.0", ["1.bmp", "2.bmp"]),
        ("a.BMP", "B.bmp", ["A.bmp", "b.BMP"]),
        ("all\\1.bmp", "hem/1", ["all/1.bmp", "hem/1.bmp"]),
    ):
        rows = f"UID_57_29_1_all.bmp,{first},1\nUID_h40_2_1_hem,{second},0\n"
        assert cells_of(rows, images) == dict(zip(images, expected, strict=True))


def test_a_persons_id_serves_for_a_patient_id_and_folders_for_labels():
    sheet = b"new_names;Patient_ID\n1.bmp;p07\n2.bmp;12.0\n3.bmp;\n"
    names = read_cell_names(parse_label_sheet(sheet), ["all/1.bmp", "HEM/2.bmp", "3.bmp"])
    assert [(name.subject_id, name.label) for name in names.values()] == [("P07", "all"), ("12", "hem"), (None, None)]
    assert cells_of("P7,1.bmp,All\nP8,2.bmp,HEM\n") == {"1.bmp": ("P7", "all"), "2.bmp": ("P8", "hem")}


def test_everything_that_is_wrong_is_said_at_once():
    rows = (
        "UID_57_29_1_all.bmp,1.bmp,1\nUID_57_29_2_all.bmp,1.bmp,1\nUID_57_29_3_all.bmp,3.bmp,2\n"
        "UID_57,4.bmp,1\nUID_57_29_5_all.bmp,5.bmp,0\nUID_57_29_6_all.bmp,6.bmp,1\nx.bmp,8.bmp,1\n"
    )
    images = ["1.bmp", "a/3.bmp", "b/3.bmp", "4.bmp", "5.bmp", "7.bmp", "8.bmp"]
    found = [text.split(". ")[0] for text in problems(rows, images)]
    assert found == [
        "1 file named by several rows: 1.bmp",
        "2 files of the same name: a/3.bmp, b/3.bmp",
        "1 file with a label that is neither 1 (ALL) nor 0 (HEM): 3.bmp (2)",
        "2 files with a Patient_ID that can't be read: 4.bmp (UID_57), 8.bmp (x.bmp)",
        "1 file with a label that contradicts the Patient_ID: 5.bmp (UID_57_29_5_all.bmp, 0)",
        "1 file without a row: 7.bmp",
        "1 file named by a row but not in the folder: 6.bmp",
    ]


def test_no_rows_and_no_images_are_no_problem():
    assert read_cell_names([], []) == {}
