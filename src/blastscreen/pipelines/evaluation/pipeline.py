"""Pipeline `evaluation`: one template for every model."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.evaluation.nodes import evaluate_predictions


def create_pipeline(model: str) -> Pipeline:
    """Wire the evaluation of one model.

    Args:
        model: Reads `<model>_predictions`, writes `<model>_metrics`.
    """
    template = Pipeline(
        [
            node(
                evaluate_predictions,
                inputs=["predictions", "params:evaluation"],
                outputs="metrics",
                name="evaluate_predictions",
            ),
        ]
    )
    return Pipeline(
        template,
        inputs={"predictions": f"{model}_predictions"},
        outputs={"metrics": f"{model}_metrics"},
        parameters={"params:evaluation"},
        namespace=model,
    )
