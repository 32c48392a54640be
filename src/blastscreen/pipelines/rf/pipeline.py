"""Pipeline `rf`: the random forest on hand-made features."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.rf.nodes import measure_importances, predict_cells, select_cells, train_forest


def create_pipeline() -> Pipeline:
    """Wire `rf`."""
    return Pipeline(
        [
            node(select_cells, inputs=["cell_features", "cell_splits"], outputs="modelled_cells", name="select_cells"),
            node(
                train_forest,
                inputs=["modelled_cells", "params:rf", "params:compute"],
                outputs="rf_model",
                name="train_forest",
            ),
            node(
                predict_cells,
                inputs=["rf_model", "modelled_cells"],
                outputs="rf_predictions",
                name="predict_cells",
            ),
            node(
                measure_importances,
                inputs=["rf_model", "modelled_cells", "params:rf"],
                outputs="rf_importances",
                name="measure_importances",
            ),
        ],
        namespace="rf",
        prefix_datasets_with_namespace=False,
    )
