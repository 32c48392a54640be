"""How much the choices of a protocol flatter: the split, and the pixels that features see."""

from blastscreen.audit.areas import correlate_with_area
from blastscreen.audit.cells import measure_other_region, pair_regions
from blastscreen.audit.folds import N_FOLDS, count_folds, draw_folds
from blastscreen.audit.forests import audit_forests
from blastscreen.audit.networks import audit_networks
from blastscreen.audit.scores import auroc_within_folds, score_cells
from blastscreen.audit.summary import CHOICES, HONEST, Protocol, compare_protocols, summarise_audit, tabulate_audit

__all__ = [
    "CHOICES",
    "HONEST",
    "N_FOLDS",
    "Protocol",
    "audit_forests",
    "audit_networks",
    "auroc_within_folds",
    "compare_protocols",
    "correlate_with_area",
    "count_folds",
    "draw_folds",
    "measure_other_region",
    "pair_regions",
    "score_cells",
    "summarise_audit",
    "tabulate_audit",
]
