"""Pipeline `feature_engineering`: from standardised cells to the table of features."""

from kedro.pipeline import Pipeline, node

from blastscreen.features.measurement import measure_features


def create_pipeline() -> Pipeline:
    """Wire `feature_engineering`."""
    return Pipeline(
        [
            node(
                measure_features,
                inputs={
                    "cell_images": "cell_images",
                    "finished": "cell_features_parts",
                    "settings": "params:features",
                    "compute": "params:compute",
                },
                outputs="cell_features",
                name="measure_features",
            ),
        ],
        namespace="feature_engineering",
        prefix_datasets_with_namespace=False,
    )
