"""Pipeline `cnn`: a network on the standardised cells."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.cnn.nodes import predict_images, train_network


def create_pipeline() -> Pipeline:
    """Wire `cnn`."""
    return Pipeline(
        [
            node(
                train_network,
                inputs=["cell_images", "cell_splits", "cnn_checkpoint", "params:cnn", "params:compute"],
                outputs=["cnn_model", "cnn_history"],
                name="train_network",
            ),
            node(
                predict_images,
                inputs=["cnn_model", "cell_images", "cell_splits", "params:cnn"],
                outputs="cnn_predictions",
                name="predict_images",
            ),
        ],
        namespace="cnn",
        prefix_datasets_with_namespace=False,
    )
