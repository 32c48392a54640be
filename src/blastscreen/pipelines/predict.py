"""Pipelines `predict` and `external`: other people's cells meet stored models."""

from collections.abc import Callable, Iterable

import pandas as pd
from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from blastscreen.models import MODELS, ModelKind
from blastscreen.models.external import decide_on_files, evaluate_strangers, list_for_lab, require_strangers
from blastscreen.models.hybrid import average_scores
from blastscreen.models.prediction import score_images
from blastscreen.models.tabular import score_features


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `predict` for some models, less what it shares with `preprocessing` and `feature_engineering`."""
    names = list(models)
    scored = dict.fromkeys(member for name in names for member in (*MODELS[name].members, name))
    nodes = [*map(_score, scored), *(decision for name in names for decision in _decide(name))]
    return Pipeline(nodes, namespace="predict", prefix_datasets_with_namespace=False)


def _score(model: str) -> Node:
    function: Callable[..., pd.DataFrame]
    match MODELS[model].kind:
        case ModelKind.TABULAR:
            function, inputs = score_features, {"model": f"{model}_model", "external_features": "external_features"}
        case ModelKind.NETWORK:
            function, inputs = score_images, {"network": f"{model}_model", "external_images": "external_images"}
        case ModelKind.COMBINED:
            forest, network = (f"{member}_external_scores" for member in MODELS[model].members)
            function, inputs = average_scores, {"forest": forest, "network": network}
    if MODELS[model].scoring:
        inputs["settings"] = f"params:{model}"
    return node(function, inputs, f"{model}_external_scores", name=function.__name__, namespace=model)


def _decide(model: str) -> list[Node]:
    decided = {name: f"{model}_{name}" for name in ("predictions", "operating_point", "calibration", "referral")}
    decided |= {"scores": f"{model}_external_scores", "external_index": "external_index"}
    decided |= {"training_range": "training_range"}
    found = f"{model}_external_predictions"
    listed = {"external_predictions": found, "referral": f"{model}_referral"}
    return [
        node(decide_on_files, decided, found, name="decide_on_files", namespace=model),
        node(list_for_lab, listed, f"{model}_external_triage", name="list_for_lab", namespace=model),
    ]


def create_external(models: Iterable[str]) -> Pipeline:
    """Wire `external` for some models, less what it shares with `predict`."""
    compared = {"external_index": "external_index", "cell_index": "cell_index"}
    # of nodes that wait for the same, Kedro runs the first by name: before `standardise_cells`
    guard = node(require_strangers, compared, "strangers", name="require_strangers", namespace="predict.preprocessing")
    metrics = Pipeline(map(_evaluate, models), namespace="external", prefix_datasets_with_namespace=False)
    return Pipeline([guard]) + metrics


def _evaluate(model: str) -> Node:
    inputs = {name: f"{model}_{name}" for name in ("external_predictions", "predictions", "operating_point")}
    inputs |= {"strangers": "strangers", "cell_index": "cell_index", "settings": "params:evaluation"}
    outputs = f"{model}_external_metrics"
    return node(evaluate_strangers, inputs, outputs, name="evaluate_strangers", namespace=model)
