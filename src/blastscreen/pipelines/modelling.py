"""Pipelines of models: one template per kind."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, get_type_hints

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from blastscreen.models import MODELS, ModelKind
from blastscreen.models.hybrid import average_predictions
from blastscreen.models.prediction import predict_images
from blastscreen.models.tabular import measure_importances, predict_cells, train_classifier
from blastscreen.models.training import train_network


def create_pipeline(model: str) -> Pipeline:
    """Wire one model of `MODELS`, less what it needs upstream and its evaluation."""
    templates = {ModelKind.TABULAR: _wire_tabular, ModelKind.NETWORK: _wire_network, ModelKind.COMBINED: _wire_combined}
    return Pipeline(templates[MODELS[model].kind](model), namespace=model, prefix_datasets_with_namespace=False)


def _wire_tabular(model: str) -> list[Node]:
    tables = {"cell_features": "cell_features", "cell_splits": "cell_splits"}
    settings, fitted = {"settings": f"params:{model}"}, {"model": f"{model}_model"}
    trained, measured = tables | settings | {"compute": "params:compute"}, fitted | tables | settings
    train, measure = (_with_block_of(model, function) for function in (train_classifier, measure_importances))
    return [
        node(train, trained, f"{model}_model", name=f"train_{MODELS[model].noun}"),
        node(predict_cells, fitted | tables, f"{model}_predictions", name="predict_cells"),
        node(measure, measured, f"{model}_importances", name="measure_importances"),
    ]


def _with_block_of(model: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Narrow the hint of `settings`, from which Kedro knows against what to hold the block of the model."""

    @wraps(function)
    def narrowed(**inputs: Any) -> Any:
        return function(**inputs)

    narrowed.__annotations__ = {**get_type_hints(function), "settings": MODELS[model].parameters}
    # by which Kedro matches inputs with hints
    narrowed.__signature__ = signature(function)  # type: ignore[attr-defined]
    return narrowed


def _wire_network(model: str) -> list[Node]:
    cells = {"cell_images": "cell_images", "cell_splits": "cell_splits", "settings": f"params:{model}"}
    trained = cells | {"checkpoints": f"{model}_checkpoint", "compute": "params:compute"}
    scored = cells | {"network": f"{model}_model"}
    return [
        node(train_network, trained, [f"{model}_model", f"{model}_history"], name=f"train_{MODELS[model].noun}"),
        node(predict_images, scored, f"{model}_predictions", name="predict_images"),
    ]


def _wire_combined(model: str) -> list[Node]:
    forest, network = (f"{member}_predictions" for member in MODELS[model].members)
    inputs = {"forest": forest, "network": network, "settings": f"params:{model}"}
    return [node(average_predictions, inputs, f"{model}_predictions", name="average_predictions")]
