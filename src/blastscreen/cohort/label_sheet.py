"""Sheets that say whose cell an image shows, and with which label, where its name does not."""

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from blastscreen.cohort.names import CellName, describe_cell, parse_cell_name
from blastscreen.cohort.soundness import CohortError
from blastscreen.vocabulary import CellLabel, count_noun, name_some

SHEET_COLUMNS = ("Patient_ID", "new_names", "labels")
_LABELS = {"1": CellLabel.ALL, "0": CellLabel.HEM} | {str(label): label for label in CellLabel}
# how spreadsheets write whole numbers in a column with gaps, and where the comma is decimal
_WHOLE_NUMBER = re.compile(r"\A([0-9]+)[.,]0+\Z")
# what begins as a name of C-NMC, or ends as a file, is no id of a person: each cell would be one of its own
_SUBJECT = re.compile(r"(?!UID_)(?!.*\.[A-Z]+$)[0-9A-Z][0-9A-Z _.-]*", re.ASCII | re.IGNORECASE)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_HOW_TO_SAVE = f"Save it as CSV (UTF-8) with the columns {','.join(SHEET_COLUMNS)}"


class SheetRow(NamedTuple):
    """One row of a sheet of labels, as text; "" where the sheet has nothing."""

    patient_id: str
    new_name: str
    label: str


def parse_label_sheet(data: bytes) -> list[SheetRow]:
    r"""Read a sheet of labels in any of the ways in which spreadsheets save text.

    Columns may be separated by commas, semicolons or tabs, or as a first line "sep=;" says, and stand in any order and
    case among others. Text may be UTF-8, UTF-16 with its mark, or else Windows-1252. Blank rows are left out.

    Raises:
        CohortError: No table of text, no column new_names, or neither of the others.

    Examples:
        >>> parse_label_sheet(b"sep=;\r\nLABELS;new_names\r\n1,0;7.bmp\r\n;\r\n")
        [SheetRow(patient_id='', new_name='7.bmp', label='1')]
    """
    if data.startswith(_WORKBOOKS):
        raise CohortError(f"it is a workbook, not text. {_HOW_TO_SAVE}")
    lines = _decode_text(data).splitlines(keepends=True) or [""]
    named = re.fullmatch(r"\"?sep=(.)\"?\s*", lines[0], re.IGNORECASE)
    delimiter = named[1] if named else max(",;\t", key=lines[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines[bool(named) :], delimiter=delimiter)]
    except csv.Error as error:
        raise CohortError(f"it is no table: {error}. {_HOW_TO_SAVE}") from error
    header, *body = [row for row in rows if any(row)] or [[]]
    columns = [name.casefold() for name in header]
    missing = [name for name in SHEET_COLUMNS if name.casefold() not in columns]
    if "new_names" in missing or len(missing) > 1:
        raise CohortError(
            f"it has no column {', '.join(missing)}; it has {name_some(filter(None, header)) or 'none'}. {_HOW_TO_SAVE}"
        )
    # the blank column stands for those that are missing, and for what a short row leaves out
    places = [len(header) if name in missing else columns.index(name.casefold()) for name in SHEET_COLUMNS]
    padded = [row[: len(header)] + [""] * (len(header) + 1 - len(row)) for row in body]
    return [SheetRow(*(_WHOLE_NUMBER.sub(r"\1", row[place]) for place in places)) for row in padded]


def _decode_text(data: bytes) -> str:
    encodings = ("utf-16",) if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise CohortError(f"it is not text in UTF-8, UTF-16 or Windows-1252. {_HOW_TO_SAVE}")


def read_cell_names(rows: Sequence[SheetRow], image_ids: Iterable[str]) -> dict[str, CellName]:
    """Read from a sheet whose cell each image of a folder shows, and with which label.

    Args:
        rows: Result of `parse_label_sheet`. `new_name` is the file's name, or its path in the folder, in any case, with
            or without extension; `label` is 1 or ALL, 0 or HEM; `patient_id` is a name as `parse_cell_name` reads it,
            or the id of the person. What a row leaves empty is taken from the image's own name or folder.
        image_ids: Of the images in the folder.

    Raises:
        CohortError: Naming every problem at once.
    """
    known: defaultdict[str, list[str]] = defaultdict(list)
    image_ids = list(image_ids)
    for image_id in image_ids:
        path = PurePosixPath(image_id.casefold())
        for spelling in {str(path), str(path.with_suffix("")), path.name, path.stem}:
            known[spelling].append(image_id)
    meant = [known.get(row.new_name.replace("\\", "/").casefold(), []) for row in rows]
    if problems := _list_problems(rows, meant, image_ids):
        raise CohortError(*problems)
    return {image_id: _name_cell(row, image_id) for row, (image_id,) in zip(rows, meant, strict=True)}


def _name_cell(row: SheetRow, image_id: str) -> CellName:
    own = describe_cell(image_id)
    read = parse_cell_name(row.patient_id) or replace(own, subject_id=row.patient_id.upper() or own.subject_id)
    return replace(read, label=_LABELS.get(row.label.casefold(), read.label), source_fold=own.source_fold)


def _list_problems(rows: Sequence[SheetRow], meant: Sequence[Sequence[str]], image_ids: Sequence[str]) -> list[str]:
    times = Counter(image_id for images in meant for image_id in images)
    judged = [(row, parse_cell_name(row.patient_id), _LABELS.get(row.label.casefold())) for row in rows]
    targets = list(zip(rows, meant, strict=True))
    found = {
        "named by several rows: {}. Keep the right row of each": {
            row.new_name for row, images in targets if any(times[image_id] > 1 for image_id in images)
        },
        "of the same name: {}. Give their paths in the sheet, such as all/1.bmp": {
            image_id for images in meant if len(images) > 1 for image_id in images
        },
        "with a label that is neither 1 (ALL) nor 0 (HEM): {}. Correct it": {
            f"{row.new_name} ({row.label})" for row, _, label in judged if row.label and not label
        },
        "with a Patient_ID that can't be read: {}. Correct it to UID_<subject>_<field>_<cell>_<all or hem>, or to the "
        "id of the person": {
            f"{row.new_name} ({row.patient_id})"
            for row, name, _ in judged
            if row.patient_id and not name and not _SUBJECT.fullmatch(row.patient_id)
        },
        "with a label that contradicts the Patient_ID: {}. Find out which is right": {
            f"{row.new_name} ({row.patient_id}, {row.label})"
            for row, name, label in judged
            if name and label and name.label != label
        },
        "without a row: {}. Add the rows, or move the files out of the folder": set(image_ids) - set(times),
        "named by a row but not in the folder: {}. Add the files, or take out the rows": {
            row.new_name for row, images in targets if not images
        },
    }
    counted = {text: sorted(names) for text, names in found.items() if names}
    return [f"{count_noun(len(names), 'file')} {text.format(name_some(names))}" for text, names in counted.items()]
