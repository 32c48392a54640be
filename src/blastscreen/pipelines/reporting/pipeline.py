"""Pipeline `reporting`: comparison and figures from stored results."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.reporting.nodes import (
    check_published,
    compare_models,
    draw_calibration,
    draw_cells,
    draw_comparison,
    draw_confusion,
    draw_forest_importances,
    draw_learning_curve,
    draw_published,
    draw_referral,
    draw_roc,
    draw_subjects,
    gather_errors,
    gather_network_errors,
    render_report,
    write_model_card,
)

NETWORKS = {"cnn"}
"""Models whose errors are shown with maps of what drove them."""


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `reporting`.

    Args:
        models: Names of the models, as their datasets spell them.
    """
    names = list(models)
    once = _create_figures() + _create_comparison(names)
    drawn = sum((_create_model_figures(model) + _create_errors(model) for model in names), once)
    figures = {"audit_figure", "area_correlations_figure"} | {
        name for name in drawn.outputs() if name.endswith("_figure")
    }
    everything = drawn + _create_documents(names, figures=figures)
    return Pipeline(everything, namespace="reporting", prefix_datasets_with_namespace=False)


def _create_figures() -> Pipeline:
    return Pipeline(
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
            node(check_published, inputs="published_numbers", outputs="paper_check", name="check_published"),
        ]
    )


def _create_comparison(models: list[str]) -> Pipeline:
    metrics = _stored(models, "metrics")
    shown = {"predictions": f"{models[0]}_predictions", "model_names": "params:model_names"} | metrics
    return Pipeline(
        [
            node(
                compare_models,
                inputs={"settings": "params:evaluation"} | _stored(models, "predictions", "operating_point"),
                outputs="comparison",
                name="compare_models",
            ),
            node(
                draw_comparison,
                inputs={"compared": "comparison"} | shown,
                outputs="comparison_figure",
                name="draw_comparison",
            ),
            node(
                draw_published,
                inputs={"check": "paper_check", "model_names": "params:model_names"} | metrics,
                outputs="published_figure",
                name="draw_published",
            ),
        ]
    )


_SHOWN = (
    "cell_index",
    "cell_features",
    "cell_splits",
    "integrity_report",
    "comparison",
    "rf_importances",
    "area_correlations",
    "audit_imbalance",
    "audit_summary",
    "paper_check",
    "published_numbers",
    "reporting_checklist",
    "cnn_history",
    "run_manifests",
)
_SHOWN_OF_MODELS = (
    "predictions",
    "metrics",
    "operating_point",
    "calibration",
    "referral",
    "subjects",
    "subject_votes",
    "errors",
)


def _create_documents(models: list[str], *, figures: Iterable[str]) -> Pipeline:
    stored = {"parameters": "parameters"} | dict(zip(_SHOWN, _SHOWN, strict=True)) | _stored(models, *_SHOWN_OF_MODELS)
    drawn = {name: name for name in sorted(figures)}
    return Pipeline(
        [
            node(render_report, inputs=stored | drawn, outputs="report", name="render_report"),
            node(write_model_card, inputs=stored, outputs="model_card", name="write_model_card"),
        ]
    )


def _stored(models: list[str], *results: str) -> dict[str, str]:
    """Name the entries of every model; they reach the node under their own names."""
    names = [f"{model}_{result}" for model in models for result in results]
    return dict(zip(names, names, strict=True))


def _create_model_figures(model: str) -> Pipeline:
    template = Pipeline(
        [
            node(
                draw_confusion,
                inputs=["predictions", "metrics", "params:model_name"],
                outputs="confusion_figure",
                name="draw_confusion",
            ),
            node(
                draw_roc,
                inputs=["predictions", "metrics", "params:model_name"],
                outputs="roc_figure",
                name="draw_roc",
            ),
            node(
                draw_calibration,
                inputs=["calibration", "predictions", "params:model_name"],
                outputs="calibration_figure",
                name="draw_calibration",
            ),
            node(
                draw_referral,
                inputs=["referral", "predictions", "params:model_name"],
                outputs="referral_figure",
                name="draw_referral",
            ),
            node(
                draw_subjects,
                inputs=["subjects", "metrics", "predictions", "params:model_name"],
                outputs="subjects_figure",
                name="draw_subjects",
            ),
        ]
    )
    return Pipeline(
        template,
        inputs={name: f"{model}_{name}" for name in template.inputs() if not name.startswith("params:")},
        outputs={name: f"{model}_{name}" for name in template.outputs()},
        parameters={"params:model_name": f"params:model_names.{model}"},
        namespace=model,
    )


def _create_errors(model: str) -> Pipeline:
    inputs = {name: f"{model}_{name}" for name in ("predictions", "triage", "operating_point")}
    inputs |= {name: name for name in ("cell_images", "cell_features", "cell_splits")}
    inputs |= {"settings": "params:reporting", "model": f"params:model_names.{model}"}
    inputs |= {"network": f"{model}_model"} if model in NETWORKS else {}
    gather = gather_network_errors if model in NETWORKS else gather_errors
    return Pipeline([node(gather, inputs=inputs, outputs=f"{model}_errors", name="gather_errors", namespace=model)])
