"""What a C-NMC file name says."""

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


@dataclass(frozen=True)
class CellName:
    """What the name of a C-NMC training file says."""

    subject_id: str
    field_number: int
    cell_number: int
    label: CellLabel
    source_fold: str | None


def parse_cell_name(image_id: str) -> CellName | None:
    """Read subject, field, cell and label from a C-NMC file name, and the fold from the folders above it.

    Case doesn't matter: the 36 files of subject H3 are published as `UID_h3_...`. The "H" of a subject is part of the
    id: ALL subject "11" and HEM subject "H11" are different people.

    Args:
        image_id: path relative to the root of the cohort, with forward slashes.

    Returns:
        What the name says, or None when it isn't `UID_<subject>_<field>_<cell>_<label>`, with or without extension.
        The nearest folder called `fold_<n>` is the source fold; None without one.

    Examples:
        >>> parse_cell_name("fold_2/hem/UID_h3_4_1_hem.bmp")
        CellName(subject_id='H3', field_number=4, cell_number=1, label=<CellLabel.HEM: 'hem'>, source_fold='fold_2')
        >>> parse_cell_name("1867.bmp") is None
        True
    """
    path = PurePosixPath(image_id)
    match = _CELL_NAME.fullmatch(path.name)
    if match is None:
        return None
    folds = [part.lower() for part in path.parts[:-1] if _FOLD.fullmatch(part)]
    return CellName(
        subject_id=match["subject"].upper(),
        field_number=int(match["field"]),
        cell_number=int(match["cell"]),
        label=CellLabel(match["label"].lower()),
        source_fold=folds[-1] if folds else None,
    )


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key that puts "H3" before "H10".

    Args:
        name: subject id or fold, letters and digits.

    Returns:
        Text and numbers in turn, then the name itself so that "3" and "03" have an order too.
    """
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
