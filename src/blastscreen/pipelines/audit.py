"""Pipeline `audit`: how much the choices of a protocol flatter, and what balancing the classes does."""

from kedro.pipeline import Pipeline, node

from blastscreen.experiments.imbalance import audit_imbalance
from blastscreen.experiments.paired_regions import correlate_with_area, measure_other_region, pair_regions
from blastscreen.experiments.protocols import audit_protocols, summarise_audit
from blastscreen.report.figures.protocol_audit import draw_area_correlations, draw_audit


def create_pipeline() -> Pipeline:
    """Wire `audit`."""
    return Pipeline(
        [
            node(
                measure_other_region,
                inputs={
                    "stack": "cell_images",
                    "finished": "audit_features_parts",
                    "settings": "params:features",
                    "compute": "params:compute",
                },
                outputs="audit_features",
                name="measure_other_region",
            ),
            node(
                pair_regions,
                inputs={
                    "features": "cell_features",
                    "other_features": "audit_features",
                    "splits": "cell_splits",
                    "settings": "params:features",
                },
                outputs="audited_cells",
                name="pair_regions",
            ),
            node(
                correlate_with_area,
                inputs={"cells": "audited_cells"},
                outputs="area_correlations",
                name="correlate_with_area",
            ),
            node(
                audit_protocols,
                inputs={
                    "cells": "audited_cells",
                    "stack": "cell_images",
                    "splits": "cell_splits",
                    "settings": "params:audit",
                    "split_settings": "params:splits",
                    "forest": "params:rf",
                    "network": "params:cnn",
                    "compute": "params:compute",
                },
                outputs="audit_results",
                name="audit_protocols",
            ),
            node(
                audit_imbalance,
                inputs={
                    "cells": "audited_cells",
                    "settings": "params:audit",
                    "split_settings": "params:splits",
                    "forest": "params:rf",
                    "evaluation": "params:evaluation",
                    "compute": "params:compute",
                },
                outputs="audit_imbalance",
                name="audit_imbalance",
            ),
            node(summarise_audit, inputs={"results": "audit_results"}, outputs="audit_summary", name="summarise_audit"),
            node(draw_audit, inputs={"results": "audit_results"}, outputs="audit_figure", name="draw_audit"),
            node(
                draw_area_correlations,
                inputs={"correlations": "area_correlations"},
                outputs="area_correlations_figure",
                name="draw_area_correlations",
            ),
        ],
        namespace="audit",
        prefix_datasets_with_namespace=False,
    )
