"""C-NMC 2019 as it was published: what its file names say, and how many images it holds."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from blastscreen.vocabulary import CellLabel

# Nine digits keep the numbers inside every integer type; ASCII keeps look-alike letters and digits out.
_CELL_NAME = re.compile(
    r"UID_(?P<subject>[0-9A-Z]+)_(?P<field>[0-9]{1,9})_(?P<cell>[0-9]{1,9})_(?P<label>ALL|HEM)(?:\.[^.]+)?",
    re.IGNORECASE | re.ASCII,
)
_FOLD = re.compile(r"fold_[0-9]+", re.IGNORECASE | re.ASCII)
_LABEL = re.compile("|".join(CellLabel), re.IGNORECASE | re.ASCII)


CNMC_2019_DOI = "10.7937/tcia.2019.dc64i46r"
# Gupta & Gupta (2019), C-NMC 2019, The Cancer Imaging Archive, doi:10.7937/tcia.2019.dc64i46r: the training set,
# counted from its file list. Ids are counted as published: 73 in all, although some belong to the same person.
CNMC_2019: dict[str, dict[CellLabel, tuple[int, int]]] = {
    "fold_0": {CellLabel.ALL: (2397, 19), CellLabel.HEM: (1130, 9)},
    "fold_1": {CellLabel.ALL: (2418, 11), CellLabel.HEM: (1163, 3)},
    "fold_2": {CellLabel.ALL: (2457, 17), CellLabel.HEM: (1096, 14)},
}
"""Images and subject ids of the training set by fold and label."""


@dataclass(frozen=True)
class CellName:
    """What is known of a cell from its file's name, the folders above it, or a sheet of labels; None for what isn't."""

    subject_id: str | None = None
    field_number: int | None = None
    cell_number: int | None = None
    label: CellLabel | None = None
    source_fold: str | None = None


def parse_cell_name(image_id: str) -> CellName | None:
    """Read `UID_<subject>_<field>_<cell>_<label>`, and the fold from the nearest folder called `fold_<n>`.

    Case doesn't matter: the 36 files of subject H3 are published as `UID_h3_...`. The "H" of a subject is part of the
    id: ALL subject "11" and HEM subject "H11" are different people.

    Returns:
        None for any other name.

    Examples:
        >>> parse_cell_name("fold_2/hem/UID_h3_4_1_hem.bmp")
        CellName(subject_id='H3', field_number=4, cell_number=1, label=<CellLabel.HEM: 'hem'>, source_fold='fold_2')
    """
    match = _CELL_NAME.fullmatch(PurePosixPath(image_id).name)
    if match is None:
        return None
    return CellName(
        subject_id=match["subject"].upper(),
        field_number=int(match["field"]),
        cell_number=int(match["cell"]),
        label=CellLabel(match["label"].lower()),
        source_fold=_nearest_folder(image_id, _FOLD),
    )


def describe_cell(image_id: str) -> CellName:
    """Read what a file's name says, or else the label from the folders above it; a subject is never guessed."""
    named = parse_cell_name(image_id)
    return named or CellName(label=folder_label(image_id), source_fold=_nearest_folder(image_id, _FOLD))


def folder_label(image_id: str) -> CellLabel | None:
    """Return the label that the nearest folder called "all" or "hem" gives, in any case; None without one."""
    folder = _nearest_folder(image_id, _LABEL)
    return CellLabel(folder) if folder else None


def _nearest_folder(image_id: str, pattern: re.Pattern[str]) -> str | None:
    folders = reversed(PurePosixPath(image_id).parts[:-1])
    return next((folder.lower() for folder in folders if pattern.fullmatch(folder)), None)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return the sort key of a subject id or fold that puts "H3" before "H10"."""
    parts = re.split(r"([0-9]+)", name)
    # the name itself gives "3" and "03" an order, too
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
