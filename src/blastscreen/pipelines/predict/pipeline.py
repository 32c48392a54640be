"""Pipeline `predict`: a folder of cells, scored by the stored models."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.predict.nodes import (
    decide_on_files,
    list_for_lab,
    score_with_forest,
    score_with_network,
)

SCORED_MODELS = ("rf", "cnn")


def create_pipeline() -> Pipeline:
    """Wire `predict`, less what it shares with `preprocessing` and `feature_engineering`."""
    scores = Pipeline(
        [
            node(
                score_with_forest,
                inputs=["rf_model", "external_features"],
                outputs="rf_external_scores",
                name="score_with_forest",
            ),
            node(
                score_with_network,
                inputs=["cnn_model", "external_images", "params:cnn"],
                outputs="cnn_external_scores",
                name="score_with_network",
            ),
        ]
    )
    everything = sum((_create_decisions(model) for model in SCORED_MODELS), scores)
    return Pipeline(everything, namespace="predict", prefix_datasets_with_namespace=False)


def _create_decisions(model: str) -> Pipeline:
    stored = ("predictions", "operating_point", "calibration", "referral")
    return Pipeline(
        [
            node(
                decide_on_files,
                inputs={"scores": f"{model}_external_scores"}
                | {name: name for name in ("external_index", "training_range")}
                | {name: f"{model}_{name}" for name in stored},
                outputs=f"{model}_external_predictions",
                name="decide_on_files",
                namespace=model,
            ),
            node(
                list_for_lab,
                inputs=[f"{model}_external_predictions", f"{model}_referral"],
                outputs=f"{model}_external_triage",
                name="list_for_lab",
                namespace=model,
            ),
        ]
    )
