"""Pipeline `reporting`: figures from stored results."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.reporting.nodes import (
    draw_cells,
    draw_confusion,
    draw_forest_importances,
    draw_learning_curve,
    draw_roc,
    note_source,
)


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `reporting`.

    Args:
        models: Names of the models, as their datasets spell them.
    """
    figures = Pipeline(
        [
            node(note_source, inputs="cell_index", outputs="source_note", name="note_source"),
            node(
                draw_cells,
                inputs=["cell_index", "cell_images", "params:reporting", "source_note"],
                outputs="contact_sheet",
                name="draw_cells",
            ),
            node(
                draw_forest_importances,
                inputs=["rf_importances", "source_note"],
                outputs="rf_importances_figure",
                name="draw_forest_importances",
            ),
            node(
                draw_learning_curve,
                inputs=["cnn_history", "params:model_names.cnn", "source_note"],
                outputs="cnn_learning_curve_figure",
                name="draw_learning_curve",
            ),
        ]
    )
    return sum((_create_model_figures(model) for model in models), figures)


def _create_model_figures(model: str) -> Pipeline:
    template = Pipeline(
        [
            node(
                draw_confusion,
                inputs=["metrics", "params:evaluation", "params:model_name", "source_note"],
                outputs="confusion_figure",
                name="draw_confusion",
            ),
            node(
                draw_roc,
                inputs=["predictions", "metrics", "params:evaluation", "params:model_name", "source_note"],
                outputs="roc_figure",
                name="draw_roc",
            ),
        ]
    )
    stored = ("metrics", "predictions")
    return Pipeline(
        template,
        inputs={name: f"{model}_{name}" for name in stored} | {"source_note": "source_note"},
        outputs={name: f"{model}_{name}" for name in ("confusion_figure", "roc_figure")},
        parameters={"params:evaluation": "params:evaluation", "params:model_name": f"params:model_names.{model}"},
        namespace=model,
    )
