"""Pipeline `audit`: how much the choices of a protocol flatter, and what balancing the classes does."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.audit.nodes import (
    audit_forests,
    audit_imbalance,
    audit_networks,
    correlate_with_area,
    measure_other_region,
    pair_regions,
    summarise_audit,
    tabulate_audit,
)
from blastscreen.report.figures.protocol_audit import draw_area_correlations, draw_audit


def create_pipeline() -> Pipeline:
    """Wire `audit`."""
    return Pipeline(
        [
            node(
                measure_other_region,
                inputs=["cell_images", "audit_features_parts", "params:features", "params:compute"],
                outputs="audit_features",
                name="measure_other_region",
            ),
            node(
                pair_regions,
                inputs=["cell_features", "audit_features", "cell_splits", "params:features"],
                outputs="audited_cells",
                name="pair_regions",
            ),
            node(correlate_with_area, inputs="audited_cells", outputs="area_correlations", name="correlate_with_area"),
            node(
                audit_forests,
                inputs=["audited_cells", "params:audit", "params:splits", "params:rf", "params:compute"],
                outputs="audited_forests",
                name="audit_forests",
            ),
            node(
                audit_networks,
                inputs=["cell_images", "cell_splits", "params:audit", "params:splits", "params:cnn", "params:compute"],
                outputs="audited_networks",
                name="audit_networks",
            ),
            node(
                audit_imbalance,
                inputs=[
                    "audited_cells",
                    "params:audit",
                    "params:splits",
                    "params:rf",
                    "params:evaluation",
                    "params:compute",
                ],
                outputs="audit_imbalance",
                name="audit_imbalance",
            ),
            node(
                tabulate_audit,
                inputs=["audited_forests", "audited_networks", "audited_cells"],
                outputs="audit_results",
                name="tabulate_audit",
            ),
            node(
                summarise_audit,
                inputs=["audit_results", "audited_cells"],
                outputs="audit_summary",
                name="summarise_audit",
            ),
            node(
                draw_audit,
                inputs={"results": "audit_results"},
                outputs="audit_figure",
                name="draw_audit",
            ),
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
