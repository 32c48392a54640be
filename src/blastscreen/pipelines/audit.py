"""Pipeline `audit`: how much the choices of a protocol flatter, and what balancing the classes does."""

from kedro.pipeline import Pipeline, node

from blastscreen.experiments.imbalance import audit_imbalance
from blastscreen.experiments.protocols import (
    audit_protocols,
    correlate_with_area,
    measure_other_region,
    pair_regions,
    summarise_audit,
)
from blastscreen.report.figures.protocol_audit import draw_area_correlations, draw_audit


def create_pipeline() -> Pipeline:
    """Wire `audit`."""
    measured = {"stack": "cell_images", "finished": "audit_features_parts"}
    measured |= {"settings": "params:features", "compute": "params:compute"}
    paired = {"features": "cell_features", "other_features": "audit_features", "splits": "cell_splits"}
    blocks = {"settings": "audit", "split_settings": "splits", "forest": "rf", "compute": "compute"}
    audited = {"cells": "audited_cells"} | {name: f"params:{block}" for name, block in blocks.items()}
    pixels = {"stack": "cell_images", "splits": "cell_splits", "network": "params:cnn"}
    evaluation = {"evaluation": "params:evaluation"}
    correlations = {"correlations": "area_correlations"}
    return Pipeline(
        [
            node(measure_other_region, measured, "audit_features", name="measure_other_region"),
            node(pair_regions, paired | {"settings": "params:features"}, "audited_cells", name="pair_regions"),
            node(correlate_with_area, {"cells": "audited_cells"}, "area_correlations", name="correlate_with_area"),
            node(audit_protocols, audited | pixels, "audit_results", name="audit_protocols"),
            node(audit_imbalance, audited | evaluation, "audit_imbalance", name="audit_imbalance"),
            node(summarise_audit, {"results": "audit_results"}, "audit_summary", name="summarise_audit"),
            node(draw_audit, {"results": "audit_results"}, "audit_figure", name="draw_audit"),
            node(draw_area_correlations, correlations, "area_correlations_figure", name="draw_area_correlations"),
        ],
        namespace="audit",
        prefix_datasets_with_namespace=False,
    )
