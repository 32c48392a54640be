"""Pipeline `preprocessing`: from incoming files to checked, standardised and split cells."""

from kedro.pipeline import Pipeline, node

from blastscreen.cohort.fitness import measure_training_cells
from blastscreen.cohort.integrity import check_integrity
from blastscreen.cohort.splits import split_cells
from blastscreen.imaging.intake import index_cells, standardise_cells


def create_pipeline() -> Pipeline:
    """Wire `preprocessing`."""
    split = {"cell_index": "cell_index", "settings": "params:splits"}
    walk = {"raw_cells": "raw_cells", "settings": "params:preprocessing", "compute": "params:compute"}
    return Pipeline(
        [
            node(index_cells, inputs=walk | {"finished": "cell_index_parts"}, outputs="cell_index", name="index_cells"),
            node(
                check_integrity,
                inputs={"cell_index": "cell_index", "settings": "params:preprocessing"},
                outputs="integrity_report",
                name="check_integrity",
            ),
            node(
                standardise_cells,
                inputs=walk | {"cell_index": "cell_index", "checked": "integrity_report"},
                outputs="cell_images",
                name="standardise_cells",
            ),
            node(split_cells, inputs=split, outputs="cell_splits", name="split_cells"),
            node(
                measure_training_cells,
                inputs={"cell_index": "cell_index", "cell_splits": "cell_splits"},
                outputs="training_range",
                name="measure_training_cells",
            ),
        ],
        namespace="preprocessing",
        prefix_datasets_with_namespace=False,
    )
