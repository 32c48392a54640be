"""Pipeline `preprocessing`: from incoming files to checked, standardised and split cells."""

from kedro.pipeline import Pipeline, node

from blastscreen.cohort.fitness import measure_training_cells
from blastscreen.pipelines.preprocessing.nodes import accept_cells, index_cells, split_cells, standardise_cells


def create_pipeline() -> Pipeline:
    """Wire `preprocessing`."""
    return Pipeline(
        [
            node(
                index_cells,
                inputs=["raw_cells", "cell_index_parts", "params:preprocessing", "params:compute"],
                outputs="cell_index",
                name="index_cells",
            ),
            node(
                accept_cells,
                inputs=["cell_index", "params:preprocessing"],
                outputs=["accepted_cells", "integrity_report"],
                name="accept_cells",
            ),
            node(
                standardise_cells,
                inputs=["raw_cells", "accepted_cells", "params:preprocessing", "params:compute"],
                outputs="cell_images",
                name="standardise_cells",
            ),
            node(
                split_cells,
                inputs=["accepted_cells", "params:splits"],
                outputs="cell_splits",
                name="split_cells",
            ),
            node(
                measure_training_cells,
                inputs=["cell_index", "cell_splits"],
                outputs="training_range",
                name="measure_training_cells",
            ),
        ],
        namespace="preprocessing",
        prefix_datasets_with_namespace=False,
    )
