"""Who the cells come from: names, persons, published counts, the rules a cohort must keep, and its integrity report."""

from blastscreen.cohort.groups import group_subjects
from blastscreen.cohort.label_sheet import read_original_names
from blastscreen.cohort.names import CellName, natural_key, parse_cell_name
from blastscreen.cohort.published import CNMC_2019, CNMC_2019_DOI, PublishedCount
from blastscreen.cohort.report import describe_cohort
from blastscreen.cohort.soundness import CohortError, count_noun, name_some, require_sound_cohort, tell_rejected

__all__ = [
    "CNMC_2019",
    "CNMC_2019_DOI",
    "CellName",
    "CohortError",
    "PublishedCount",
    "count_noun",
    "describe_cohort",
    "group_subjects",
    "name_some",
    "natural_key",
    "parse_cell_name",
    "read_original_names",
    "require_sound_cohort",
    "tell_rejected",
]
