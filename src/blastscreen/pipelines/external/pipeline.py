"""Pipeline `external`: the stored models, evaluated on cells of people that they have not met."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.external.nodes import evaluate_strangers, require_strangers


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `external`, less what it shares with `predict`.

    Args:
        models: Names of the models that `predict` scores with.
    """
    guard = Pipeline(
        [
            node(
                require_strangers,
                inputs=["external_index", "cell_index"],
                outputs="strangers",
                name="require_strangers",
            ),
        ],
        # of nodes that wait for the same, Kedro runs the first by name: before `standardise_cells`
        namespace="predict.preprocessing",
        prefix_datasets_with_namespace=False,
    )
    metrics = sum((_create_metrics(model) for model in models), Pipeline([]))
    return guard + Pipeline(metrics, namespace="external", prefix_datasets_with_namespace=False)


def _create_metrics(model: str) -> Pipeline:
    inputs = {name: f"{model}_{name}" for name in ("external_predictions", "predictions", "operating_point")}
    inputs |= {"strangers": "strangers", "cell_index": "cell_index", "settings": "params:evaluation"}
    return Pipeline(
        [
            node(
                evaluate_strangers,
                inputs=inputs,
                outputs=f"{model}_external_metrics",
                name="evaluate_strangers",
                namespace=model,
            ),
        ]
    )
