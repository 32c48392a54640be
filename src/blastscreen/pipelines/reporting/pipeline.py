"""Pipeline `reporting`: figures from stored results."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.reporting.nodes import (
    draw_cells,
    draw_confusion,
    draw_forest_importances,
    draw_learning_curve,
    draw_roc,
)


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `reporting`.

    Args:
        models: Names of the models, as their datasets spell them.
    """
    figures = Pipeline(
        [
            node(
                draw_cells,
                inputs=["cell_index", "cell_images", "params:reporting"],
                outputs="contact_sheet",
                name="draw_cells",
            ),
            node(
                draw_forest_importances,
                inputs=["rf_importances", "rf_predictions"],
                outputs="rf_importances_figure",
                name="draw_forest_importances",
            ),
            node(
                draw_learning_curve,
                inputs=["cnn_history", "cnn_predictions", "params:model_names.cnn"],
                outputs="cnn_learning_curve_figure",
                name="draw_learning_curve",
            ),
        ]
    )
    everything = sum((_create_model_figures(model) for model in models), figures)
    return Pipeline(everything, namespace="reporting", prefix_datasets_with_namespace=False)


def _create_model_figures(model: str) -> Pipeline:
    template = Pipeline(
        [
            node(
                draw_confusion,
                inputs=["predictions", "metrics", "params:evaluation", "params:model_name"],
                outputs="confusion_figure",
                name="draw_confusion",
            ),
            node(
                draw_roc,
                inputs=["predictions", "metrics", "params:evaluation", "params:model_name"],
                outputs="roc_figure",
                name="draw_roc",
            ),
        ]
    )
    stored = ("metrics", "predictions")
    return Pipeline(
        template,
        inputs={name: f"{model}_{name}" for name in stored},
        outputs={name: f"{model}_{name}" for name in ("confusion_figure", "roc_figure")},
        parameters={"params:evaluation": "params:evaluation", "params:model_name": f"params:model_names.{model}"},
        namespace=model,
    )
