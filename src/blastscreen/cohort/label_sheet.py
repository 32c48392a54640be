"""The sheet of labels that comes with C-NMC's preliminary test images, whose own names say nothing."""

from collections.abc import Iterable
from pathlib import PurePosixPath

import pandas as pd

from blastscreen.cohort.names import parse_cell_name
from blastscreen.cohort.soundness import CohortError, count_noun, name_some
from blastscreen.vocabulary import CellLabel

SHEET_COLUMNS = ("Patient_ID", "new_names", "labels")
SHEET_LABELS = {"1": CellLabel.ALL, "0": CellLabel.HEM}


def read_original_names(sheet: pd.DataFrame, image_ids: Iterable[str]) -> dict[str, str]:
    """Find the name that tells subject and label for each image of a folder.

    Args:
        sheet: One row per image, all text: Patient_ID, a name as `parse_cell_name` reads it; new_names, the file's name
            in the folder; labels, 1 for ALL and 0 for HEM.
        image_ids: Of the images in the folder; their folders don't matter.

    Returns:
        Per image id its Patient_ID.

    Raises:
        CohortError: naming every problem at once: a column is missing, a file is named by two rows or in two folders, a
            label isn't 1 or 0, a Patient_ID can't be read or contradicts the label, an image lacks a row, or a row an
            image.

    Examples:
        >>> sheet = pd.DataFrame({"Patient_ID": ["UID_57_29_1_all.bmp"], "new_names": ["1.bmp"], "labels": ["1"]})
        >>> read_original_names(sheet, ["prelim/1.bmp"])
        {'prelim/1.bmp': 'UID_57_29_1_all.bmp'}
    """
    missing = [column for column in SHEET_COLUMNS if column not in sheet.columns]
    if missing:
        raise CohortError(
            f"the sheet of labels has no column {', '.join(missing)}; it has {', '.join(map(str, sheet.columns))}. "
            f"Give it the columns {','.join(SHEET_COLUMNS)}, separated by commas"
        )
    sheet = sheet[list(SHEET_COLUMNS)].apply(lambda column: column.str.strip())
    files = pd.DataFrame({"image_id": pd.Series(list(image_ids), dtype="str")})
    files["new_names"] = files["image_id"].map(lambda image_id: PurePosixPath(image_id).name).astype("str")
    problems = _list_problems(sheet, files)
    if problems:
        raise CohortError(*problems)
    named = files.merge(sheet, on="new_names", validate="1:1")
    return dict(zip(named["image_id"], named["Patient_ID"], strict=True))


def _list_problems(sheet: pd.DataFrame, files: pd.DataFrame) -> list[str]:
    names = sheet["new_names"]
    label = sheet["labels"].map(SHEET_LABELS)
    parsed = sheet["Patient_ID"].map(parse_cell_name)
    contradicted = [
        name is not None and told in set(CellLabel) and name.label != told
        for name, told in zip(parsed, label, strict=True)
    ]
    found = (
        (names[names.duplicated()], "named by several rows", "Keep the right row of each"),
        (
            files.loc[files["new_names"].duplicated(keep=False), "image_id"],
            "of the same name in several folders",
            "The sheet can't tell them apart: give one folder at a time",
        ),
        (
            names[label.isna()] + " (" + sheet["labels"] + ")",
            "with a label that is neither 1 (ALL) nor 0 (HEM)",
            "Correct it",
        ),
        (
            names[parsed.isna()] + " (" + sheet["Patient_ID"] + ")",
            "with a Patient_ID that can't be read",
            "Correct it to UID_<subject>_<field>_<cell>_<all or hem>",
        ),
        (
            names[contradicted] + " (" + sheet["Patient_ID"] + ", " + sheet["labels"] + ")",
            "with a label that contradicts the Patient_ID",
            "Find out which is right",
        ),
        (
            files.loc[~files["new_names"].isin(names), "image_id"],
            "without a row",
            "Add the rows, or move the files out of the folder",
        ),
        (
            names[~names.isin(files["new_names"])],
            "named by a row but not in the folder",
            "Add the files, or take out the rows",
        ),
    )
    return [
        f"{count_noun(len(items), 'file')} {problem}: {name_some(sorted(items))}. {advice}".rstrip(". ")
        for texts, problem, advice in found
        if (items := set(texts.dropna()))
    ]
