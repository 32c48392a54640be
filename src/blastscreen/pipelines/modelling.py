"""Pipelines of models: one template per kind."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, get_type_hints

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from blastscreen.models import MODELS, ModelKind
from blastscreen.models.hybrid import average_predictions
from blastscreen.models.permutation import measure_importances
from blastscreen.models.prediction import predict_images
from blastscreen.models.tabular import predict_cells, train_classifier
from blastscreen.models.training import train_network


def create_pipeline(model: str) -> Pipeline:
    """Wire one model of `MODELS`, less what it needs upstream and its evaluation."""
    templates = {
        ModelKind.TABULAR: _wire_tabular,
        ModelKind.NETWORK: _wire_network,
        ModelKind.COMBINED: _wire_combined,
    }
    return Pipeline(templates[MODELS[model].kind](model), namespace=model, prefix_datasets_with_namespace=False)


def _wire_tabular(model: str) -> list[Node]:
    tables = {"cell_features": "cell_features", "cell_splits": "cell_splits"}
    return [
        node(
            _with_block_of(model, train_classifier),
            inputs={**tables, "settings": f"params:{model}", "compute": "params:compute"},
            outputs=f"{model}_model",
            name=f"train_{MODELS[model].noun}",
        ),
        node(
            predict_cells,
            inputs={"model": f"{model}_model", **tables},
            outputs=f"{model}_predictions",
            name="predict_cells",
        ),
        node(
            _with_block_of(model, measure_importances),
            inputs={"model": f"{model}_model", **tables, "settings": f"params:{model}"},
            outputs=f"{model}_importances",
            name="measure_importances",
        ),
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
    return [
        node(
            train_network,
            inputs={**cells, "checkpoints": f"{model}_checkpoint", "compute": "params:compute"},
            outputs=[f"{model}_model", f"{model}_history"],
            name=f"train_{MODELS[model].noun}",
        ),
        node(
            predict_images,
            inputs={**cells, "network": f"{model}_model"},
            outputs=f"{model}_predictions",
            name="predict_images",
        ),
    ]


def _wire_combined(model: str) -> list[Node]:
    forest, network = (f"{member}_predictions" for member in MODELS[model].members)
    return [
        node(
            average_predictions,
            inputs={"forest": forest, "network": network, "settings": f"params:{model}"},
            outputs=f"{model}_predictions",
            name="average_predictions",
        ),
    ]
