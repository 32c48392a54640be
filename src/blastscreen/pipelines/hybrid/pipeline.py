"""Pipeline `hybrid`: forest and network together."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.hybrid.nodes import average_predictions


def create_pipeline() -> Pipeline:
    """Wire `hybrid`, less the models that it joins."""
    return Pipeline(
        [
            node(
                average_predictions,
                inputs=["rf_predictions", "cnn_predictions", "params:hybrid"],
                outputs="hybrid_predictions",
                name="average_predictions",
            ),
        ],
        namespace="hybrid",
        prefix_datasets_with_namespace=False,
    )
