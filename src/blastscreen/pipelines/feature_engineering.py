"""Pipeline `feature_engineering`: from standardised cells to the table of features."""

from kedro.pipeline import Pipeline, node

from blastscreen.features.measurement import measure_features


def create_pipeline() -> Pipeline:
    """Wire `feature_engineering`."""
    cells = {"cell_images": "cell_images", "finished": "cell_features_parts"}
    inputs = cells | {"settings": "params:features", "compute": "params:compute"}
    measure = node(measure_features, inputs=inputs, outputs="cell_features", name="measure_features")
    return Pipeline([measure], namespace="feature_engineering", prefix_datasets_with_namespace=False)
