"""Who the cells come from: names, persons, published counts, the rules a cohort must keep, and its integrity report."""

from blastscreen.cohort.fitness import list_reasons, measure_training_cells
from blastscreen.cohort.groups import group_subjects
from blastscreen.cohort.label_sheet import parse_label_sheet, read_cell_names
from blastscreen.cohort.names import CellName, describe_cell, natural_key, parse_cell_name
from blastscreen.cohort.published import CNMC_2019, CNMC_2019_DOI, PublishedCount
from blastscreen.cohort.report import describe_cohort
from blastscreen.cohort.soundness import (
    CohortError,
    count_noun,
    name_some,
    require_sound_cohort,
    select_counted,
    select_readable,
    tell_rejected,
)

__all__ = [
    "CNMC_2019",
    "CNMC_2019_DOI",
    "CellName",
    "CohortError",
    "PublishedCount",
    "count_noun",
    "describe_cell",
    "describe_cohort",
    "group_subjects",
    "list_reasons",
    "measure_training_cells",
    "name_some",
    "natural_key",
    "parse_cell_name",
    "parse_label_sheet",
    "read_cell_names",
    "require_sound_cohort",
    "select_counted",
    "select_readable",
    "tell_rejected",
]
