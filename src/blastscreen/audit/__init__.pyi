from .areas import correlate_with_area
from .cells import measure_other_region, pair_regions
from .folds import N_FOLDS, count_folds, draw_folds
from .forests import audit_forests
from .imbalance import audit_imbalance
from .networks import audit_networks
from .scores import auroc_within_folds, score_cells
from .summary import CHOICES, HONEST, Protocol, compare_protocols, summarise_audit, tabulate_audit

__all__ = [
    "CHOICES",
    "HONEST",
    "N_FOLDS",
    "Protocol",
    "audit_forests",
    "audit_imbalance",
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
