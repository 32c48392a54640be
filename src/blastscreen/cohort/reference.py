"""Published counts of the cohort that the project is made for."""

from typing import NamedTuple

from blastscreen.vocabulary import CellLabel

CNMC_2019_DOI = "10.7937/tcia.2019.dc64i46r"


class PublishedCount(NamedTuple):
    """Images and subject ids that a published part of a cohort holds."""

    images: int
    subjects: int


# Gupta & Gupta (2019), C-NMC 2019, The Cancer Imaging Archive, doi:10.7937/tcia.2019.dc64i46r: the training set,
# counted from its file list. Ids are counted as published: 73 in all, although some belong to the same person.
CNMC_2019: dict[str, dict[CellLabel, PublishedCount]] = {
    "fold_0": {CellLabel.ALL: PublishedCount(2397, 19), CellLabel.HEM: PublishedCount(1130, 9)},
    "fold_1": {CellLabel.ALL: PublishedCount(2418, 11), CellLabel.HEM: PublishedCount(1163, 3)},
    "fold_2": {CellLabel.ALL: PublishedCount(2457, 17), CellLabel.HEM: PublishedCount(1096, 14)},
}
